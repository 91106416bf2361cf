"""The city that an app serves: one open store per thread, and what may be read from it."""

import threading
from dataclasses import dataclass
from functools import cached_property
from typing import cast

from flask import current_app

from cim.declare import did_you_mean
from cim.errors import ParamError
from cim.schema import ACCESS_LEVELS
from cim.store import Store, open_city
from webapp.cache import ByteCache


@dataclass(frozen=True, slots=True)
class Settings:
    """How a city is served."""

    location: str
    clearance: str
    max_upload: int
    hosts: tuple[str, ...]
    writable: bool

    def __post_init__(self) -> None:
        if self.clearance not in ACCESS_LEVELS:
            raise ParamError(
                f"no level of access {self.clearance!r}",
                where="clearance",
                hint=did_you_mean(self.clearance, ACCESS_LEVELS),
            )


class ServedCity:
    """A city behind an app. A store belongs to one thread, so each thread opens its own."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._own = threading.local()

    @property
    def store(self) -> Store:
        """The store that belongs to the thread at work."""
        found: Store | None = getattr(self._own, "store", None)
        if found is None:
            found = self._own.store = open_city(self.settings.location)
        return found

    def forget(self) -> None:
        """Close the store of the thread at work; the next use opens it again."""
        found: Store | None = getattr(self._own, "store", None)
        self._own.store = None
        if found is not None:
            found.close()

    @property
    def clearance(self) -> str:
        """Level of access that everyone who reaches the app has."""
        return self.settings.clearance

    @cached_property
    def answers(self) -> ByteCache:
        """Encoded answers that were given lately."""
        return ByteCache(128 << 20)


def served() -> ServedCity:
    """The city that the current app serves."""
    return cast("ServedCity", current_app.extensions["cim"])
