"""What changes the city over HTTP: uploads, what is done with them, undoing loads."""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields
from typing import Any, cast

from flask import Blueprint, Response, current_app, request
from werkzeug.exceptions import RequestEntityTooLarge

from cim.errors import NotFoundError, ParamError
from cim.schema import CLASSES, COVERAGE_KINDS, NETWORKS, OBJECT_COLUMNS
from ingest.reader import ReadOptions
from webapp.apart import Asked, UploadWork
from webapp.api import answer
from webapp.arguments import whole_number
from webapp.city import served
from webapp.errors import ForbiddenError
from webapp.jobs import Job, Jobs
from webapp.uploads import Uploads

writing = Blueprint("writing", __name__, url_prefix="/api")

LONGEST_OPTION = 4000
MOST_SHOWN = 100
"""Rejected objects that are told with a job; all are in its CSV."""
MADE_BY_READERS = frozenset({"geometry", "lod", "attributes"})
"""Columns that no field of a file becomes."""
KINDS = {str: "text", bool: "true or false", float: "a number", dict: "an object of texts"}


def install(city_folder: Any, most: int) -> dict[str, Any]:
    """What the routes here need of an app that serves the city of that folder."""
    return {"cim-uploads": Uploads(city_folder, most), "cim-jobs": Jobs(city_folder)}


def _uploads() -> Uploads:
    return cast("Uploads", current_app.extensions["cim-uploads"])


def _jobs() -> Jobs:
    return cast("Jobs", current_app.extensions["cim-jobs"])


@writing.before_request
def _check_writable() -> None:
    if not served().settings.writable:
        raise ForbiddenError("this server is read-only", hint="use cim load on its machine")


@writing.get("/vocabulary")
def vocabulary() -> Response:
    """What objects, fields and rasters of a file may become."""
    datasets = served().store.datasets(served().clearance)
    return answer(
        {
            "crs": served().store.crs_name,
            "classes": [
                {"name": each.name, "title": each.title, "title_zh": each.title_zh}
                for each in CLASSES.values()
            ],
            "columns": [
                {"name": each.name, "unit": each.unit, "meaning": each.meaning}
                for each in OBJECT_COLUMNS
                if each.name not in MADE_BY_READERS
            ],
            "datasets": [each["dataset"] for each in datasets],
            "networks": list(NETWORKS),
            "kinds": list(COVERAGE_KINDS),
        }
    )


@writing.post("/uploads")
def begin_upload() -> Response:
    """Begin an upload; files of a multipart form, ``file`` any number of times, are its first."""
    uploads, files = _uploads(), request.files.getlist("file")
    if len({each.filename for each in files}) < len(files):
        raise ParamError("two files have the same name", where="file")
    upload = uploads.begin()
    try:
        for each in files:
            uploads.append(upload, each.filename or "upload", 0, each.stream)
    except BaseException:
        uploads.forget(upload)
        raise
    return _created(uploads.described(upload))


def _created(value: Any, status: int = 201) -> Response:
    found = answer(value)
    found.status_code = status
    return found


@writing.get("/uploads/<upload>")
def one_upload(upload: str) -> Response:
    """What has come of an upload: each file with its size so far."""
    return answer(_uploads().described(upload))


@writing.put("/uploads/<upload>/files/<path:name>")
def put_file(upload: str, name: str) -> Response:
    """Add the body to a file that has ``offset`` bytes; it may be sent in pieces, and gone on."""
    offset = whole_number(request.args.get("offset", "0"), "offset")
    most = served().settings.max_upload
    if (request.content_length or 0) > most:
        raise RequestEntityTooLarge
    size = _uploads().append(upload, name, offset, request.stream)
    return answer({"name": name, "bytes": size})


@writing.delete("/uploads/<upload>")
def forget_upload(upload: str) -> Response:
    """Remove an upload and its files."""
    _uploads().forget(upload)
    return Response(status=204)


@writing.post("/uploads/<upload>/examination")
def examine_upload(upload: str) -> Response:
    """Have the doctor examine it: a job whose result are his reports, a file each."""
    return _start(upload, "examination")


@writing.post("/uploads/<upload>/dry-run")
def try_upload(upload: str) -> Response:
    """Find out what a load would add, change and reject: a job that changes nothing."""
    return _start(upload, "dry_run")


@writing.post("/uploads/<upload>/load")
def load_upload(upload: str) -> Response:
    """Load it: a job. The body says of each file its ``dataset``, ``options`` or ``skip``."""
    return _start(upload, "load")


def _start(upload: str, kind: str) -> Response:
    body = request.get_json(silent=True) if request.data else {}
    if not isinstance(body, dict):
        raise ParamError('an object like {"files": {…}} is needed', where="body")
    uploads = _uploads()
    asked = _asked(body.get("files", {}))
    folder = uploads.folder(upload).resolve()
    files = tuple(each.resolve() for each in uploads.contents(upload))
    work = UploadWork(
        kind, served().settings.location, folder, files, asked, body.get("keep_absent") is True
    )

    def after(job: Job) -> None:
        if kind == "load" and job.state == "done" and not (job.result or {}).get("failed"):
            uploads.forget(upload)

    return _created(_told(_jobs().start(work, upload, after)), 202)


def _asked(given: Any) -> dict[str, Asked]:
    """What the body says of each file."""
    if not isinstance(given, dict) or not all(isinstance(each, dict) for each in given.values()):
        raise ParamError('an object like {"roads.shp": {…}} is needed', where="files")
    found = {}
    for name, said in given.items():
        for key in said:
            if key not in {"dataset", "options", "skip"}:
                raise ParamError("unknown", where=f"files, {name[:80]}, {key[:40]}")
        dataset = _text(said.get("dataset", ""), "dataset")
        found[name] = Asked(dataset, options_of(said.get("options", {})), said.get("skip") is True)
    return found


def options_of(given: Any) -> ReadOptions:
    """Reading options out of JSON.

    Raises
    ------
    ParamError
        If one is not known, or of another kind.
    """
    if not isinstance(given, dict):
        raise ParamError('an object like {"crs": "GCJ-02"} is needed', where="options")
    usual = asdict(ReadOptions())
    for key, value in given.items():
        if key not in usual:
            names = ", ".join(each.name for each in fields(ReadOptions))
            raise ParamError("no such option", where=key[:40], hint=names)
        kind = type(usual[key])
        fits = isinstance(value, int | float) if kind is float else isinstance(value, kind)
        if not fits or (kind is float and isinstance(value, bool)):
            raise ParamError(f"it is {KINDS[kind]}", where=key)
        _texts(value, key)
    return ReadOptions(**given)


def _texts(value: Any, where: str) -> None:
    """Refuse what is too long, or no text within tables."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            _text(key, where)
            if isinstance(each, Mapping) and where == "values":
                _texts(each, "values of a column")
            else:
                _text(each, where)
    elif isinstance(value, str):
        _text(value, where)


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise ParamError("it is a text", where=where)
    if len(value) > LONGEST_OPTION:
        raise ParamError(f"more than {LONGEST_OPTION} characters", where=where)
    return value


def _told(job: Job) -> dict[str, Any]:
    """A job as plain values, with no more rejected objects than a page shows."""
    told = {key: value for key, value in asdict(job).items() if key != "server"}
    for report in (told["result"] or {}).get("loads", []):
        report["rejected_count"] = len(report["rejected"])
        report["rejected"] = report["rejected"][:MOST_SHOWN]
    return told


@writing.get("/jobs")
def jobs() -> Response:
    """What is, and was, being done with uploads, the latest first; without results."""
    return answer([_told(each) | {"result": None} for each in _jobs().all()])


@writing.get("/jobs/<job>")
def one_job(job: str) -> Response:
    """How far a job is, and what it gave."""
    return answer(_told(_jobs().find(job)))


@writing.delete("/jobs/<job>")
def cancel(job: str) -> Response:
    """Cancel a job: what it has not committed is as if it had never begun."""
    return _created(_told(_jobs().cancel(job)), 202)


@writing.get("/jobs/<job>/rejected.csv")
def rejected(job: str) -> Response:
    """Every object that a load, or a dry run, rejected."""
    loads = (_jobs().find(job).result or {}).get("loads")
    if loads is None:
        raise NotFoundError("it has rejected nothing", where=job, hint="it is no load, or not done")
    found = Response(_csv(loads), mimetype="text/csv")
    found.headers["Content-Disposition"] = f'attachment; filename="rejected-{job}.csv"'
    return found


def _csv(loads: list[dict[str, Any]]) -> Iterator[bytes]:
    """A table that spreadsheets open in the right encoding."""
    yield b"\xef\xbb\xbf"
    rows = [["file", "object", "code", "reason", "raw"]]
    for report in loads:
        for each in report["rejected"]:
            rows.append([report["file"], *(each[name] for name in rows[0][1:])])
    for row in rows:
        line = io.StringIO()
        csv.writer(line).writerow([_harmless(cell) for cell in row])
        yield line.getvalue().encode()


def _harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell[:1] in {"=", "+", "-", "@"} else cell


@writing.post("/loads/<load_id>/undo")
def undo(load_id: str) -> Response:
    """Undo one load."""
    return answer(served().store.undo(whole_number(load_id, "load")))
