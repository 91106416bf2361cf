"""What machines and the page read: the city, its objects, its layers, its analyses."""

from dataclasses import asdict
from typing import Any

import orjson
from flask import Blueprint, Response, request

import layers
from cim.analyses import ANALYSES
from cim.errors import ParamError
from cim.exchange.geojson import pieces
from cim.keeping import keep
from webapp.arguments import box, moment, names, whole_number
from webapp.city import served
from webapp.describing import described
from webapp.errors import ForbiddenError
from webapp.redaction import redacted

api = Blueprint("api", __name__, url_prefix="/api")

MOST_FEATURES = 10_000
MOST_HITS = 100
LONGEST_SEARCH = 200
OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


def answer(value: Any) -> Response:
    """`value` as JSON that a client must ask about again, cheaply."""
    found = Response(orjson.dumps(redacted(value), option=OPTIONS), mimetype="application/json")
    if request.method == "GET":
        found.add_etag(weak=True)
        found.make_conditional(request)
    return found


def _public(value: Any) -> Any:
    """`value` without the folders of this machine: a file is called by its own name."""
    if isinstance(value, str) and value.startswith("file:/"):
        return "file:" + value.rpartition("/")[2]
    if isinstance(value, dict):
        return {key: _public(each) for key, each in value.items()}
    return [_public(each) for each in value] if isinstance(value, list | tuple) else value


@api.get("/city")
def city() -> Response:
    """Name, version, extent and counts."""
    info = served().store.info(served().clearance)
    return answer(
        {
            "id": served().store.id,
            "name": info.name,
            "version": info.version,
            "crs": info.crs,
            "height_datum": info.height_datum,
            "bbox": info.bbox,
            "classes": info.classes,
            "datasets": info.datasets,
            "coverages": info.coverages,
            "clearance": served().clearance,
            "writable": served().settings.writable,
        }
    )


@api.get("/scene")
def scene() -> Response:
    """The pydeck scene: views, camera and layers."""
    deck = layers.scene(served().store, lang=_language(), clearance=served().clearance)
    found = Response(deck.to_json(), mimetype="application/json")
    found.add_etag(weak=True)
    found.make_conditional(request)
    return found


def _language() -> str:
    lang = request.args.get("lang", "")
    return lang if lang in {"en", "zh"} else "en"


@api.get("/layers")
def layer_list() -> Response:
    """Every layer with its legend, in drawing order."""
    return answer(layers.describe(served().store, clearance=served().clearance))


@api.get("/objects/<oid>")
def one_object(oid: str) -> Response:
    """Everything about one object."""
    return answer(_public(served().store.describe(whole_number(oid, "oid"), served().clearance)))


@api.get("/search")
def search() -> Response:
    """Objects whose name or identifier matches."""
    text = request.args.get("q", "").strip()
    if len(text) > LONGEST_SEARCH:
        raise ParamError(f"more than {LONGEST_SEARCH} characters", where="q")
    limit = whole_number(request.args.get("limit", "20"), "limit", least=1, most=MOST_HITS)
    hits = served().store.search(text, limit, served().clearance) if text else []
    return answer({"hits": hits})


@api.get("/features")
def features() -> Response:
    """Objects as GeoJSON."""
    asked = request.args
    limit = whole_number(asked.get("limit", "1000"), "limit", least=1, most=MOST_FEATURES)
    model = served().store.select(
        bbox=box(asked["bbox"]) if asked.get("bbox") else None,
        classes=names(asked.getlist("class")),
        where=asked.get("where", ""),
        at=moment(asked["at"]) if asked.get("at") else None,
        clearance=served().clearance,
        limit=limit,
    )
    return Response(b"".join(pieces(model)), mimetype="application/geo+json")


@api.get("/datasets")
def datasets() -> Response:
    """Every data set of the city."""
    return answer(_public(served().store.datasets(served().clearance)))


@api.get("/loads")
def loads() -> Response:
    """Every load, with its counts."""
    return answer(_public(served().store.loads()))


@api.get("/analyses")
def analyses() -> Response:
    """Every analysis with its parameters as JSON Schema."""
    return answer([described(each) for each in ANALYSES.values()])


@api.post("/analyses/<name>/execution")
def execution(name: str) -> Response:
    """Run one analysis."""
    body = request.get_json()
    inputs = body.get("inputs", {}) if isinstance(body, dict) else None
    if not isinstance(inputs, dict):
        raise ParamError('an object like {"inputs": {…}} is needed', where="body")
    dataset, overwrite = body.get("keep"), body.get("overwrite", False)
    if not isinstance(dataset, str | None) or not isinstance(overwrite, bool) or dataset == "":
        raise ParamError("keep names a data set, overwrite is true or false", where="body")
    if dataset is not None and not served().settings.writable:
        raise ForbiddenError("this server is read-only", hint="use cim run on its machine")
    result = ANALYSES[name].run(served().store, inputs, clearance=served().clearance)
    if dataset is None:
        return answer(result.as_dict())
    kept = keep(served().store, result, dataset, overwrite=overwrite)
    return answer(result.as_dict() | {"kept": asdict(kept)})
