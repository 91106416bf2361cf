"""Tiles: addressed by the city's version, so that a browser may keep them for ever."""

from flask import Blueprint, Response, request

import layers
from cim.errors import NotFoundError
from webapp.arguments import moment, whole_number
from webapp.cache import Encoded
from webapp.city import served
from webapp.errors import GoneError

tiles = Blueprint("tiles", __name__)

DEEPEST = 24
FOR_EVER = "public, max-age=31536000, immutable"
MEDIA_TYPES = {
    "glb": "model/gltf-binary",
    "mvt": "application/vnd.mapbox-vector-tile",
    "png": "image/png",
    "webp": "image/webp",
}
PACKED = frozenset({"glb", "mvt"})
"""Pictures are packed already."""

Key = tuple[int, str, int, int, int, str, str]


@tiles.get("/tiles/<version>/<layer>/<z>/<x>/<name>")
def tile(version: str, layer: str, z: str, x: str, name: str) -> Response:
    """One tile of one layer of one version of the city."""
    y, _, suffix = name.partition(".")
    key = _key(version, layer, (z, x, y), suffix)
    city = served()
    current = city.store.version()
    if key[0] != current:
        raise GoneError(current)
    found = city.answers.get(key)
    if found is None:
        found = _build(key)
        city.answers.put(key, found)
    return _answer(found)


def _key(version: str, layer: str, place: tuple[str, str, str], suffix: str) -> Key:
    number = whole_number(version, "version")
    z = whole_number(place[0], "z", most=DEEPEST)
    x = whole_number(place[1], "x", most=2**z - 1)
    y = whole_number(place[2], "y", most=2**z - 1)
    if suffix not in MEDIA_TYPES:
        raise NotFoundError(f"no tiles of kind {suffix[:20]!r}", hint=", ".join(MEDIA_TYPES))
    at = request.args.get("at", "")
    return number, layer, z, x, y, suffix, moment(at).isoformat() if at else ""


def _build(key: Key) -> Encoded:
    version, layer, z, x, y, suffix, at = key
    city = served()
    made = layers.tile(
        city.store, layer, z, x, y,
        at=moment(at) if at else None, clearance=city.clearance,
    )  # fmt: skip
    current = city.store.version()
    if current != version:  # a load was committed in between: the tile may hold some of it
        raise GoneError(current)
    if made.body and made.media_type != MEDIA_TYPES[suffix]:
        raise NotFoundError(f"{layer} has no {suffix} tiles", hint=f"it has {made.media_type}")
    return Encoded.of(made.body or b"", MEDIA_TYPES[suffix], pack=suffix in PACKED)


def _answer(found: Encoded) -> Response:
    if not found.body:
        answer = Response(status=204)
    elif request.if_none_match.contains_weak(found.etag):
        answer = Response(status=304)
    elif not found.packed:
        answer = Response(found.body, mimetype=found.media_type)
    elif request.accept_encodings["gzip"]:
        answer = Response(found.body, mimetype=found.media_type)
        answer.headers["Content-Encoding"] = "gzip"
    else:
        answer = Response(found.plain, mimetype=found.media_type)
    answer.headers["Cache-Control"] = FOR_EVER
    answer.headers["Vary"] = "Accept-Encoding"
    if found.body:
        answer.headers["ETag"] = f'W/"{found.etag}"'
    return answer
