"""What CITY is on the command line."""

from typing import Any
from urllib.parse import urlsplit

import click

from webapp.redaction import redact


class _Location(click.ParamType):
    """A folder, or the URL of a database that can be read in one way only."""

    name = "city"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """`value`, if no part of a password can be taken for a host."""
        text = str(value)
        if "://" not in text:
            return text
        if not text.startswith(("postgresql://", "postgres://")):
            self.fail(f"{redact(text)} is neither a folder nor a postgresql:// URL.", param, ctx)
        if text.count("@") > 1 or "#" in text or not urlsplit(text).path.strip("/"):
            self.fail(
                "postgresql://USER:PASSWORD@HOST:PORT/DATABASE is needed, with @, / and # in the"
                " password written as %40, %2F and %23.", param, ctx,
            )  # fmt: skip
        return text


city_argument = click.argument("city", metavar="CITY", type=_Location())
