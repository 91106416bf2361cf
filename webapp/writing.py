"""What changes the city over HTTP: loading files and undoing loads."""

from dataclasses import fields
from typing import Any

from flask import Blueprint, Response, request

from cim.errors import ParamError
from ingest.reader import ReadOptions
from webapp import uploads
from webapp.api import answer
from webapp.arguments import pair, whole_number
from webapp.city import served
from webapp.errors import ForbiddenError
from webapp.jobs import LoadJob, load_apart

writing = Blueprint("writing", __name__, url_prefix="/api")

LONGEST_OPTION = 4000
PLAIN = frozenset(each.name for each in fields(ReadOptions)) - {"fields"}


@writing.before_request
def _check_writable() -> None:
    if not served().settings.writable:
        raise ForbiddenError("this server is read-only", hint="use cim load on its machine")


@writing.post("/loads")
def load() -> Response:
    """Load the files of a multipart form: ``file`` (any number), ``name``, reading options."""
    form = {key: value for key, value in request.form.items() if value}
    dry_run = form.pop("dry_run", "").lower() in {"1", "true", "yes", "on"}
    name = form.pop("name", "")
    options = _options(form, request.form.getlist("field"))
    city = served()
    with uploads.received(request.files.getlist("file"), city.store.folder) as files:
        reports = load_apart(LoadJob(city.settings.location, files, name, options, dry_run))
    return answer({"loads": reports})


def _options(form: dict[str, str], pairs: list[str]) -> ReadOptions:
    given: dict[str, Any] = {}
    for key, value in form.items():
        if key in {"field", "file"}:
            continue
        if key not in PLAIN | {"class"}:
            raise ParamError("no such option", where=key[:40], hint=", ".join(sorted(PLAIN)))
        if len(value) > LONGEST_OPTION:
            raise ParamError(f"more than {LONGEST_OPTION} characters", where=key)
        given["class_name" if key == "class" else key] = value
    return ReadOptions(**given, fields=dict(pair(each, "field") for each in pairs))


@writing.post("/loads/<load_id>/undo")
def undo(load_id: str) -> Response:
    """Undo one load."""
    return answer(served().store.undo(whole_number(load_id, "load")))
