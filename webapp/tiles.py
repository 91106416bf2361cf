"""Tiles: addressed by the city's identity and version, so that a browser may keep them for ever.

The identity tells a city from an earlier one that was made at the same place and deleted.
"""

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request

import layers
from cim.errors import CimError, NotFoundError
from webapp.arguments import moment, whole_number
from webapp.cache import Encoded
from webapp.city import ServedCity, served
from webapp.errors import GoneError
from webapp.security import HEADERS, is_allowed

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

tiles = Blueprint("tiles", __name__)

PREFIX = "/tiles/"
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

Place = tuple[int, int, int]


@tiles.get(PREFIX + "<identity>/<version>/<layer>/<z>/<x>/<name>")
def tile(identity: str, version: str, layer: str, z: str, x: str, name: str) -> Response:
    """One tile of one layer of one version of the city."""
    y, _, suffix = name.partition(".")
    number, place = whole_number(version, "version"), _place(z, x, y)
    if suffix not in MEDIA_TYPES:
        raise NotFoundError(f"no tiles of kind {suffix[:20]!r}", hint=", ".join(MEDIA_TYPES))
    city = served()
    current = city.store.version()
    if (identity, number) != (city.store.id, current):
        raise GoneError(current)
    made = _made(city, number, (layer, suffix), place)
    city.answers.put(_key(request.environ), made)
    status, headers, body = _answer(made, request.environ)
    return Response(body, status, headers)


def _place(z: str, x: str, y: str) -> Place:
    zoom = whole_number(z, "z", most=DEEPEST)
    last = 2**zoom - 1
    return zoom, whole_number(x, "x", most=last), whole_number(y, "y", most=last)


def _made(city: ServedCity, version: int, kind: tuple[str, str], place: Place) -> Encoded:
    layer, suffix = kind
    at = request.args.get("at", "")
    found = layers.tile(
        city.store, layer, *place, at=moment(at) if at else None, clearance=city.clearance
    )
    current = city.store.version()
    if current != version:  # a load was committed in between: the tile may hold some of it
        raise GoneError(current)
    if found.body and found.media_type != MEDIA_TYPES[suffix]:
        raise NotFoundError(f"{layer} has no {suffix} tiles", hint=f"it has {found.media_type}")
    return Encoded.of(found.body, MEDIA_TYPES[suffix], version, pack=suffix in PACKED)


def _key(environ: "WSGIEnvironment") -> tuple[str, str]:
    return environ["PATH_INFO"], environ.get("QUERY_STRING", "")


def _answer(found: Encoded, environ: "WSGIEnvironment") -> tuple[str, list[tuple[str, str]], bytes]:
    """Status, headers and body that say `found` to this request."""
    headers = [("Cache-Control", FOR_EVER), ("Vary", "Accept-Encoding")]
    if not found.body:
        return "204 No Content", headers, b""
    headers.append(("ETag", found.etag))
    if found.etag in environ.get("HTTP_IF_NONE_MATCH", ""):
        return "304 Not Modified", headers, b""
    body = found.body
    if found.packed and _takes_gzip(environ):
        headers.append(("Content-Encoding", "gzip"))
    elif found.packed:
        body = found.plain
    headers += [("Content-Type", found.media_type), ("Content-Length", str(len(body)))]
    return "200 OK", headers, body


def _takes_gzip(environ: "WSGIEnvironment") -> bool:
    accepted = environ.get("HTTP_ACCEPT_ENCODING", "")
    return "gzip" in accepted and "gzip;q=0" not in accepted.replace(" ", "")


class Express:
    """Answers with tiles that are in memory before the framework wakes up; passes on the rest.

    A page asks for hundreds of tiles at once; this is four times as many in a second.
    """

    def __init__(self, app: "WSGIApplication", city: ServedCity) -> None:
        self.app, self.city = app, city
        self._headers = list(HEADERS.items())

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> "Iterable[bytes]":
        """The answer, as WSGI wants it."""
        if environ["REQUEST_METHOD"] == "GET" and environ["PATH_INFO"].startswith(PREFIX):
            found = self._kept(environ)
            if found is not None:
                status, headers, body = _answer(found, environ)
                start_response(status, headers + self._headers)
                return [body]
        return self.app(environ, start_response)

    def _kept(self, environ: "WSGIEnvironment") -> Encoded | None:
        """What is in memory for this request, if it is still true and may be given."""
        found = self.city.answers.get(_key(environ))
        if found is None or not is_allowed(environ.get("HTTP_HOST", ""), self.hosts):
            return None
        try:
            return found if found.version == self.city.store.version() else None
        except CimError:  # the framework meets it again and answers it
            return None

    @property
    def hosts(self) -> tuple[str, ...]:
        """Names under which the app may be reached, besides loopback's."""
        return self.city.settings.hosts


def install(app: Any, city: ServedCity) -> None:
    """`app` answers with tiles in memory first."""
    app.wsgi_app = Express(app.wsgi_app, city)
