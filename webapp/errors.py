"""The one table that turns an error into an HTTP status; RFC 9457 problem documents."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import orjson
from flask import Flask, Response
from werkzeug.exceptions import HTTPException, InternalServerError, RequestEntityTooLarge

from cim.errors import (
    BusyError,
    CimError,
    ConflictError,
    InputError,
    NotFoundError,
    ParamError,
    StoreError,
)
from webapp.city import served
from webapp.redaction import redact

STATUS: Mapping[type[CimError], int] = MappingProxyType(
    {
        NotFoundError: 404,
        ConflictError: 409,
        ParamError: 400,
        InputError: 422,
        BusyError: 503,
        StoreError: 503,
        CimError: 500,
    }
)
"""The first class that fits decides."""

MEDIA_TYPE = "application/problem+json"


class GoneError(CimError):
    """What was asked for belongs to an earlier version of the city."""

    def __init__(self, version: int) -> None:
        super().__init__("the city has changed since", hint=f"its version is now {version}")
        self.version = version


class ForbiddenError(CimError):
    """The server is not for that."""


def problem(status: int, title: str, detail: str, **more: Any) -> Response:
    """A problem document; `title` is the kind of problem, `detail` this occurrence."""
    body = {
        "type": "urn:cim:problem:" + re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-"),
        "title": title,
        "status": status,
        "detail": redact(detail),
        **{key: value for key, value in more.items() if value not in {"", None}},
    }
    answer = Response(orjson.dumps(body), status, mimetype=MEDIA_TYPE)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _cim_error(error: CimError) -> Response:
    if isinstance(error, GoneError):
        return problem(410, "Gone", error.problem, hint=error.hint, version=error.version)
    if isinstance(error, ForbiddenError):
        return problem(403, "Forbidden", error.problem, hint=error.hint)
    status = next(code for kind, code in STATUS.items() if isinstance(error, kind))
    place = f"{error.where}: " if error.where else ""
    title = re.sub(r"(?<!^)(?=[A-Z])", " ", type(error).__name__.removesuffix("Error")).capitalize()
    answer = problem(status, title, place + error.problem, hint=redact(error.hint))
    if isinstance(error, BusyError):
        answer.headers["Retry-After"] = "2"
    elif isinstance(error, StoreError):
        served().forget()
    return answer


def _http_error(error: HTTPException) -> Response:
    status = error.code or 500
    if isinstance(error, RequestEntityTooLarge):
        most = served().settings.max_upload
        return problem(
            status, error.name, f"more than {most:,} bytes", hint="load it with cim load"
        )
    if isinstance(error, InternalServerError):
        return problem(status, error.name, "a fault in the program; the log has its details")
    answer = problem(status, error.name, error.description or error.name)
    for name, value in error.get_headers():
        if name.lower() in {"allow", "retry-after"}:
            answer.headers[name] = value
    return answer


def install(app: Flask) -> None:
    """`app` answers every error with a problem document."""
    app.register_error_handler(CimError, _cim_error)
    app.register_error_handler(HTTPException, _http_error)
