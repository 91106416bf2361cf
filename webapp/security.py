"""What keeps a browser safe from other sites, and other sites away from the city.

A page elsewhere can make a browser send requests here. It cannot read the answers (no CORS), it
cannot change anything (same-origin check), and it cannot pretend to be this site by pointing its
own name at this address (host check against DNS rebinding).
"""

import gzip
import ipaddress
from functools import lru_cache
from urllib.parse import urlsplit

from flask import Flask, Response, request

from cim.errors import ParamError
from webapp.cache import WORTH_PACKING
from webapp.city import served
from webapp.errors import ForbiddenError, problem

HEADERS = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'self'",
            "script-src 'self'",
            "worker-src 'self'",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "connect-src 'self' data: blob:",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'self'",
        )
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(self), microphone=(), payment=()",
}
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
PACKED_TYPES = frozenset(
    {
        "application/geo+json", "application/javascript", "application/json",
        "application/problem+json", "image/svg+xml", "text/css", "text/html", "text/javascript",
        "application/wasm",
    }
)  # fmt: skip
MOST_TO_PACK = 64 << 20


def install(app: Flask) -> None:
    """`app` refuses what comes from elsewhere and sets the headers on every answer."""
    app.before_request(_check_host)
    app.before_request(_check_origin)
    app.before_request(_check_text)
    app.after_request(_pack)
    app.after_request(_set_headers)


def _check_host() -> Response | None:
    if is_allowed(request.host, served().settings.hosts):
        return None
    return problem(
        421, "Misdirected request", f"this server is not {request.host[:80]!r}",
        hint="start it with --allow-host NAME if it should be",
    )  # fmt: skip


@lru_cache(maxsize=256)
def is_allowed(host: str, hosts: tuple[str, ...]) -> bool:
    """Whether a Host header names loopback or one of `hosts`; ``*``: or any numeric address."""
    try:
        name = (urlsplit(f"//{host}").hostname or "").removesuffix(".")
    except ValueError:
        return False
    if name == "localhost" or name in {each.lower() for each in hosts}:
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or "*" in hosts  # a number cannot be rebound


def _check_origin() -> None:
    """Only our own page and programs that are no browser may change something."""
    if request.method in SAFE_METHODS:
        return
    site = request.headers.get("Sec-Fetch-Site", "")
    origin = request.headers.get("Origin")
    foreign = origin is not None and urlsplit(origin).netloc != request.host
    if foreign or site not in {"", "none", "same-origin"}:
        raise ForbiddenError("that came from another site", hint="use the city's own page")


def _check_text() -> None:
    """No NUL: to a database it ends a text early, to a file system a name."""
    texts = [request.path, *request.args, *(each for _, each in request.args.items(multi=True))]
    if any("\x00" in each for each in texts):
        raise ParamError("a NUL character is in it", where="address")


def _pack(answer: Response) -> Response:
    """`answer` with gzip, if it is text, not small, and the client takes it."""
    if (
        answer.mimetype not in PACKED_TYPES
        or answer.status_code != 200
        or "Content-Encoding" in answer.headers
    ):
        return answer
    answer.vary.add("Accept-Encoding")
    length = answer.content_length
    small = length is not None and not WORTH_PACKING <= length <= MOST_TO_PACK
    if small or not request.accept_encodings["gzip"] or request.method == "HEAD":
        return answer
    answer.direct_passthrough = False
    answer.set_data(gzip.compress(answer.get_data(), 5, mtime=0))
    answer.headers["Content-Encoding"] = "gzip"
    etag, _ = answer.get_etag()
    if etag is not None:
        answer.set_etag(etag, weak=True)
    return answer


def _set_headers(answer: Response) -> Response:
    for name, value in HEADERS.items():
        answer.headers.setdefault(name, value)
    answer.headers.setdefault("Cache-Control", "no-cache")
    return answer
