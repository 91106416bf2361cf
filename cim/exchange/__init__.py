"""A city model as a file that others read: GeoJSON, GeoParquet, CityJSON, GeoPackage, CSV.

A file appears whole or not at all: it is written beside its destination and then renamed.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cim.declare import Catalogue, did_you_mean
from cim.errors import InputError, NotFoundError
from cim.exchange.cityjson import write_cityjson
from cim.exchange.geojson import write_geojson
from cim.exchange.losses import of_cityjson, of_tables
from cim.exchange.tables import write_csv, write_gpkg, write_parquet
from cim.model import CityModel


@dataclass(frozen=True, slots=True)
class Format:
    """A file format that a city model can be written in."""

    name: str
    title: str
    suffixes: tuple[str, ...]
    media_type: str
    write: Callable[[CityModel, Path], None]
    losses: Callable[[CityModel], list[str]]
    """What it cannot carry of that city, a sentence each."""
    text: bool = False
    """Whether a terminal can show it."""
    meshes: bool = False
    """Whether it holds surfaces, so that the model should be selected with them."""


FORMATS: Catalogue[Format] = Catalogue(
    "format",
    (
        Format(
            "geojson", "GeoJSON (RFC 7946), WGS 84", (".geojson", ".json"),
            "application/geo+json", write_geojson, text=True,
            losses=of_tables,
        ),
        Format(
            "parquet", "GeoParquet 1.1, the city's CRS", (".parquet", ".geoparquet"),
            "application/vnd.apache.parquet", write_parquet, losses=of_tables,
        ),
        Format(
            "cityjson", "CityJSON 2.0, the city's CRS", (".city.json", ".cityjson"),
            "application/city+json", write_cityjson, text=True, meshes=True,
            losses=of_cityjson,
        ),
        Format(
            "gpkg", "GeoPackage, a layer for each class, the city's CRS", (".gpkg",),
            "application/geopackage+sqlite3", write_gpkg, losses=of_tables,
        ),
        Format(
            "csv", "CSV with lon, lat and WKT in WGS 84", (".csv",),
            "text/csv", write_csv, text=True, losses=of_tables,
        ),
    ),
)  # fmt: skip
"""Every format that can be written."""


def write(model: CityModel, path: Path | None, format: str) -> bytes | None:
    """Write `model` to `path`, or give its bytes if there is none.

    Raises
    ------
    NotFoundError
        If there is no such format, or the folder does not exist.
    InputError
        If the file cannot be written, for instance because the disk is full.

    """
    chosen = FORMATS[format]
    if path is None:
        with tempfile.TemporaryDirectory(prefix="cim-") as folder:
            whole = Path(folder) / f"city{chosen.suffixes[0]}"
            chosen.write(model, whole)
            return whole.read_bytes()
    if not path.absolute().parent.is_dir():
        raise NotFoundError("no such folder", where=str(path.parent), hint="make it first")
    _replace(model, path, chosen)
    return None


def losses(model: CityModel, format: str) -> list[str]:
    """What the format does not carry of this city; empty if it comes back as it is.

    Raises
    ------
    NotFoundError
        If there is no such format.

    """
    return FORMATS[format].losses(model)


def format_of(path: Path) -> str:
    """Name of the format that the name of `path` asks for.

    Raises
    ------
    InputError
        If its suffix belongs to no format.

    """
    endings = {ending: each for each in FORMATS.values() for ending in each.suffixes}
    for ending in sorted(endings, key=len, reverse=True):
        if path.name.lower().endswith(ending):
            return endings[ending].name
    raise InputError(
        "cannot tell the format from the name",
        where=path.name,
        hint=did_you_mean(path.suffix, endings),
    )


def _replace(model: CityModel, path: Path, chosen: Format) -> None:
    with tempfile.TemporaryDirectory(prefix=".cim-", dir=path.absolute().parent) as folder:
        whole = Path(folder) / f"city{chosen.suffixes[0]}"
        try:
            chosen.write(model, whole)
            whole.replace(path)
        except OSError as error:
            raise InputError(
                f"cannot be written: {error.strerror or error}", where=str(path)
            ) from error
