"""``python -m webapp`` is ``cim``."""

from webapp.cli import main

if __name__ == "__main__":
    main(prog_name="cim")
