"""The city served to browser, shell and machines."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

MAX_UPLOAD = 1 << 30
"""Bytes that one request may bring."""


def create_app(
    city: str = "",
    *,
    clearance: str = "internal",
    max_upload: int = MAX_UPLOAD,
    hosts: Sequence[str] = (),
    writable: bool = True,
) -> "Flask":
    """The web app of the city at `city`, a folder or a ``postgresql://`` URL.

    Everyone who reaches it reads what `clearance` may read; where it is `writable` they may load
    files and undo loads too. Requests must name a loopback host or one of `hosts`; ``"*"`` among
    them stands for every numeric address. Without a city the app can only be looked at.

    Raises
    ------
    NotFoundError
        If there is no city.
    ParamError
        If there is no such level of access.
    """
    from webapp.app import build  # noqa: PLC0415  the shell starts without flask
    from webapp.city import Settings  # noqa: PLC0415

    return build(Settings(city, clearance, max_upload, tuple(hosts), writable))
