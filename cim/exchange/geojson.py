"""GeoJSON (RFC 7946): longitude and latitude in WGS 84, `id` is the object_id."""

from collections.abc import Iterator
from pathlib import Path

import orjson
import shapely

from cim.exchange.flat import attributes, frequent, in_wgs84, records
from cim.model import CityModel

HEAD = b'{"type":"FeatureCollection","features":['
TAIL = b"\n]}\n"


def write_geojson(model: CityModel, path: Path) -> None:
    """Write one feature after the other, so that the text is never in memory as a whole."""
    with path.open("wb") as stream:
        stream.writelines(pieces(model))


def pieces(model: CityModel) -> Iterator[bytes]:
    """The document, feature by feature, one on each line."""
    geometries = in_wgs84(model.objects.geometry, model.crs)
    geometries[shapely.is_empty(geometries)] = None
    texts = shapely.to_geojson(geometries)
    told = records(model, frequent(attributes(model)))
    yield HEAD
    separator = b"\n"
    for oid, text, record in zip(model.objects.index, texts, told, strict=True):
        yield separator + _feature(int(oid), text, record)
        separator = b",\n"
    yield TAIL


def _feature(oid: int, geometry: str | None, record: dict[str, object]) -> bytes:
    head = orjson.dumps(record["object_id"])
    body = orjson.dumps(
        {"oid": oid, **record}, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
    )
    shape = b"null" if geometry is None else geometry.encode()
    return (
        b'{"type":"Feature","id":'
        + head
        + b',"geometry":'
        + shape
        + b',"properties":'
        + body
        + b"}"
    )
