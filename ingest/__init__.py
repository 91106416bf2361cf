"""Reading files into a city: readers, normalisation, the load, the doctor."""

from ingest.catalogue import READERS, reader_for
from ingest.delivery import CityPlan, Item, delivery
from ingest.doctor import examine
from ingest.load import load_apart, load_files
from ingest.reader import Reader, Reading, ReadOptions
from ingest.report import LoadReport, PartlyLoadedError, Progress, write_rejects

__all__ = [
    "READERS",
    "CityPlan",
    "Item",
    "LoadReport",
    "PartlyLoadedError",
    "Progress",
    "ReadOptions",
    "Reader",
    "Reading",
    "delivery",
    "examine",
    "load_apart",
    "load_files",
    "reader_for",
    "write_rejects",
]
