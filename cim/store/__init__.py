"""Keeping a city: one SQLite file in a folder, or a PostGIS database, by the same code."""

from cim.store.checking import Problem
from cim.store.opening import create_city, open_city
from cim.store.reading import ObjectRows
from cim.store.store import CityInfo, Store
from cim.store.writing import Delivery, OpenLoad

__all__ = [
    "CityInfo",
    "Delivery",
    "ObjectRows",
    "OpenLoad",
    "Problem",
    "Store",
    "create_city",
    "open_city",
]
