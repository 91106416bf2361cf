"""A made-up city in a store: made in milliseconds, without reading any file."""

import os
from typing import NoReturn

import cities

from cim.model import Batch, Dataset
from cim.store import Delivery, create_city, open_city

EVIL = "<img src=x onerror=alert(1)>"
"""A name that must never become HTML."""


def put(location: str, dataset: str, *batches: Batch) -> None:
    """One load of these objects into the city."""
    with (
        open_city(location) as store,
        store.load(Delivery(Dataset(dataset), file=f"{dataset}.geojson")) as opened,
    ):
        for each in batches:
            opened.put(each)


def houses() -> Batch:
    """Four houses: internal, public with an evil name, sensitive, secret."""
    batch = cities.street(4)
    batch.objects["access"] = ["internal", "public", "sensitive", "secret"]
    batch.objects.loc[1, "name"] = EVIL
    return batch


def make(location: str) -> None:
    """A city of four houses, a cube and a water main at `location`; its version is 2."""
    create_city(location, cities.CRS, name="Testville", height_datum="EPSG:5737").close()
    put(location, "houses", houses(), cities.cube())
    put(location, "pipes", cities.water_main())


def crash(*_: object) -> NoReturn:
    """End the process as a fault in native code does."""
    os.abort()
