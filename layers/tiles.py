"""One tile of one layer of a city, drawn on request and kept for the next one who asks."""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from cim.errors import InputError, NotFoundError
from cim.schema import ACCESS_LEVELS
from layers.cache import TileKey, cache_in
from layers.catalogue import LAYERS
from layers.layer import Layer, TileRequest
from layers.mercator import TileAddress
from layers.pictures import layer_id, pictures

if TYPE_CHECKING:
    from cim.store import Store


@dataclass(frozen=True, slots=True)
class Tile:
    """A drawn tile; an empty one has no bytes."""

    body: bytes
    media_type: str


def tile(  # noqa: PLR0913  the address of a tile is three numbers
    store: "Store",
    layer_name: str,
    z: int,
    x: int,
    y: int,
    *,
    at: date | None = None,
    clearance: str = "internal",
) -> Tile:
    """The web-mercator XYZ tile of a layer as of a day (default: now), from the cache if kept.

    Raises
    ------
    NotFoundError
        If the city has no such layer.
    InputError
        If there is no such tile or level of access.
    """
    if clearance not in ACCESS_LEVELS:
        raise InputError(f"no level of access {clearance!r}", hint=", ".join(ACCESS_LEVELS))
    layer, variant = find_layer(store, layer_name, clearance)
    address = TileAddress(z, x, y)
    if not layer.min_zoom <= z <= layer.max_zoom:
        return Tile(b"", layer.media_type)
    version = store.version()
    key = TileKey(store.id, version, layer_name, address, layer.suffix, at, clearance)
    cache = cache_in(store.folder)
    body = cache.get(key)
    if body is None:
        body = layer.draw(TileRequest(store, layer, address, at, clearance, variant))
        if store.version() == version:  # else a load came in between: it may show some of it
            cache.put(key, body)
    return Tile(body, layer.media_type)


def find_layer(store: "Store", name: str, clearance: str) -> tuple[Layer, str]:
    """The layer called `name`, and which of its pictures: ``imagery-2021-05-01``.

    Raises
    ------
    NotFoundError
        If the city has no such layer.
    """
    kind, _, variant = name.partition("-")
    layer = LAYERS[kind]
    if layer.kind != "imagery":
        if variant:
            raise NotFoundError(f"no layer {name!r}", hint=f"{kind} has no variants")
        return layer, ""
    known = pictures(store, layer, clearance)
    if variant not in known:
        hint = ", ".join(layer_id(layer, each) for each in known)
        raise NotFoundError(f"no layer {name!r}", hint=hint)
    return layer, variant
