"""What CITY is on the command line."""

from urllib.parse import urlsplit

import click

from webapp.redaction import redact


def _readable(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    """A folder, or a URL in which no part of a password can be taken for a host."""
    if "://" not in value:
        return value
    if not value.startswith(("postgresql://", "postgres://")):
        raise click.BadParameter(f"{redact(value)} is neither a folder nor a postgresql:// URL.")
    if value.count("@") > 1 or "#" in value or not urlsplit(value).path.strip("/"):
        raise click.BadParameter(
            "postgresql://USER:PASSWORD@HOST:PORT/DATABASE is needed, with @, / and # in the"
            " password written as %40, %2F and %23."
        )
    return value


city_argument = click.argument("city", metavar="CITY", callback=_readable)
