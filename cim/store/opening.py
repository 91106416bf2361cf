"""Making a city and opening it."""

from pathlib import Path
from urllib.parse import urlsplit

from cim import geodesy
from cim.errors import ConflictError, NotFoundError, StoreError
from cim.store.locations import is_url
from cim.store.store import DATABASE, Store


def create_city(location: str, crs: str, *, name: str = "", height_datum: str = "") -> Store:
    """Make an empty city in a folder or a database.

    Raises
    ------
    SourceError
        If `crs` is not a projected system in metres.
    ConflictError
        If there is a city already.
    StoreError
        If it cannot be written there.

    """
    located = geodesy.authority(geodesy.check_city_crs(crs))
    if not is_url(location):
        folder = Path(location)
        if (folder / DATABASE).exists():
            raise ConflictError("there is a city already", where=str(folder))
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"cannot make the folder: {error}", where=str(folder)) from error
    store = Store(location)
    title = name or Path(urlsplit(location).path.rstrip("/")).name
    try:
        store.initialise(crs=located, name=title, height_datum=height_datum)
    except BaseException:
        store.close()
        raise
    return store


def open_city(location: str, *, wait: float = 30.0) -> Store:
    """The city in that folder or database.

    Raises
    ------
    NotFoundError
        If there is none.
    StoreError
        If it is damaged, or written by a newer version.

    """
    if not is_url(location) and not (Path(location) / DATABASE).exists():
        raise NotFoundError(
            f"no city in {location!r}", hint=f"make one: cim init {location} --crs EPSG:4547"
        )
    store = Store(location, wait=wait)
    if not store.exists:
        store.close()
        raise NotFoundError(
            f"no city in {store.location!r}", hint="make one with `cim init … --crs EPSG:…`"
        )
    return store
