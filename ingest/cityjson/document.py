"""A CityJSON document: parsed, checked, and what all its objects share."""

import gc
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from cim.errors import SourceError
from cim.model import Finding, Rejection
from cim.schema import OBJECT_COLUMNS
from ingest import referencing
from ingest.cityjson import text as cityjson_text
from ingest.cityjson.objects import PROMOTED
from ingest.cityjson.surfaces import materials_of, said_of
from ingest.cityjson.text import Cut, UnevenError
from ingest.reader import Reading, ReadOptions, refuse

Document = dict[str, Any]
Floats = NDArray[np.float64]

SHOWN: Final = 5
"""Names that evidence lists."""

VERSIONS: Final = ("1.0", "1.1", "2.0")
IS_CITYJSON: Final = 'a CityJSON file begins with {"type": "CityJSON"'

_CRS_NUMBERS: Final = re.compile(r"crs[:/](EPSG|OGC)[:/][^:/,]*[:/]([\w.]+)", re.IGNORECASE)


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep the garbage collector away: it takes most of the time of building a large document.

    What was built is frozen, which spares later collections a walk through it, until somebody
    calls `gc.unfreeze`.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()


def without_nul(data: bytes) -> bytes:
    """JSON with the replacement character for NUL, which no PostgreSQL text can hold."""
    return data.replace(b"\\u0000", b"\\ufffd")


def json_object(path: Path, data: bytes, line: int | None = None) -> Document:
    """The JSON object that `data` is.

    Raises
    ------
    SourceError
        Saying at which line and column it stops being JSON.
    """
    if not data.strip():
        raise refuse(path, "the file is empty", "download or export it again")
    try:
        with uncollected():
            document = orjson.loads(without_nul(data.removeprefix(b"\xef\xbb\xbf")))
    except orjson.JSONDecodeError as error:
        place = f"line {line if line is not None else error.lineno}, column {error.colno}"
        cut = error.pos >= len(data) - 1
        hint = "the file is cut off; copy it again" if cut else "mend the file at that place"
        raise refuse(path, f"not valid JSON at {place}: {error.msg}", hint) from None
    if not isinstance(document, dict):
        raise refuse(path, "not CityJSON: the file is no JSON object", IS_CITYJSON)
    return document


def check_version(path: Path, document: Document) -> None:
    """Refuse what is no CityJSON of a version that is understood."""
    if document.get("type") != "CityJSON":
        raise refuse(path, f"not CityJSON: its type is {document.get('type')!r}", IS_CITYJSON)
    version = str(document.get("version"))
    if not version.startswith(VERSIONS):
        hint = "upgrade it, for example with `cjio in.json upgrade save out.json`"
        raise refuse(path, f"CityJSON {version} is not one of {', '.join(VERSIONS)}", hint)


@dataclass(slots=True, eq=False)
class Parsed:
    """A document whose long arrays are still JSON texts, where they could be cut out."""

    document: Document
    text: bytes
    """What was parsed as JSON."""
    vertices: Floats | None = None
    """(n, 3) as in the file; None if they are still in the document."""
    size: int = 0
    """Bytes of the boundaries that are texts."""


def parsed(path: Path) -> Parsed:
    """The CityJSON document in a file.

    Raises
    ------
    SourceError
        If it is not JSON, or no CityJSON of a version that is understood.
    """
    data = without_nul(path.read_bytes())
    try:
        found = _taken_apart(path, data)
    except (UnevenError, SourceError):  # say what is wrong where it is, or take it as it is
        found = Parsed(json_object(path, data), data)
    check_version(path, found.document)
    return found


def _taken_apart(path: Path, data: bytes) -> Parsed:
    pieces = cityjson_text.cut(data)
    document = json_object(path, pieces.rest)
    try:
        whole = _put_back(document, pieces)
    except (AttributeError, IndexError, KeyError, TypeError):
        whole = False
    if not whole:
        raise UnevenError("something else than a geometry has boundaries or values")
    vertices = cityjson_text.triples(pieces.vertices)
    return Parsed(document, pieces.rest, vertices, sum(map(len, pieces.boundaries)))


def _put_back(document: Document, pieces: Cut) -> bool:
    """Give each geometry what was cut out of it, still as JSON; whether each got its own."""
    templates = section(document, "geometry-templates").get("templates") or ()
    objects = section(document, "CityObjects").values()
    boundaries: list[int] = []
    values: list[int] = []
    for geometry in chain(
        chain.from_iterable(each.get("geometry") or () for each in objects), templates
    ):
        boundaries.append(number := geometry["boundaries"])
        geometry["boundaries"] = pieces.boundaries[number]
        for said in said_of(geometry):
            if (number := said.get("values")) is not None:
                values.append(number)
                said["values"] = pieces.values[number]
    return all(
        len(set(numbers)) == len(numbers) == len(cut)
        for numbers, cut in ((boundaries, pieces.boundaries), (values, pieces.values))
    )


def section(document: Document, name: str) -> Document:
    """The JSON object under that name; empty if there is none."""
    found = document.get(name)
    return found if isinstance(found, dict) else {}


def _stated_crs(document: Document) -> str:
    """The CRS in a form that PROJ knows: ``EPSG:7415``, ``EPSG:25832+5783``, else as it is."""
    stated = section(document, "metadata").get("referenceSystem")
    text = "" if stated is None else str(stated).strip()
    codes = [f"{authority.upper()}:{code}" for authority, code in _CRS_NUMBERS.findall(text)]
    if codes:
        return "+".join([codes[0], *(code.partition(":")[2] for code in codes[1:])])
    return f"EPSG:{text}" if text.isdigit() else text


@dataclass(slots=True)
class Frame:
    """What every object of a file shares."""

    path: Path
    scale: Floats
    translate: Floats
    templates: Sequence[dict[str, Any]]
    template_vertices: Floats
    materials: Sequence[Mapping[str, Any]]
    rename: Mapping[str, str]
    defaults: Mapping[str, Any]
    rejected: list[Rejection] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def vertices(self, raw: Any) -> Floats:
        """(n, 3) coordinates from vertices as in the file.

        Raises
        ------
        SourceError
            If they are not triples of numbers.
        """
        return self.placed(_triples(self.path, raw, "vertices"))

    def placed(self, vertices: Floats) -> Floats:
        """(n, 3) coordinates from the numbers in the file."""
        vertices *= self.scale
        vertices += self.translate
        return vertices


def _triples(path: Path, raw: Any, name: str) -> Floats:
    try:
        flat = np.fromiter(chain.from_iterable(raw), np.float64, 3 * len(raw))
        if set(map(len, raw)) <= {3} and np.isfinite(flat).all():
            return flat.reshape(-1, 3)
    except (TypeError, ValueError):
        pass
    raise refuse(path, f"{name} are not triples of numbers", "export the file again")


def frame_of(path: Path, document: Document, options: ReadOptions) -> Frame:
    """What all objects of `document` share.

    Raises
    ------
    SourceError
        If its transform or its templates are unusable.
    """
    transform = document.get("transform") or {"scale": [1, 1, 1], "translate": [0, 0, 0]}
    try:
        scale, translate = (np.array(transform[key], np.float64) for key in ("scale", "translate"))
        fits = scale.shape == translate.shape == (3,)
    except (KeyError, TypeError, ValueError):
        fits = False
    if not fits:
        raise refuse(path, f"unusable transform {str(transform)[:80]}", "export the file again")
    stored, appearance = (section(document, name) for name in ("geometry-templates", "appearance"))
    columns = {column.name for column in OBJECT_COLUMNS} - {"attributes", "geometry", "object_id"}
    return Frame(
        path,
        scale,
        translate,
        stored.get("templates", ()),
        _triples(path, stored.get("vertices-templates", ()), "template vertices"),
        materials_of(appearance),
        dict(PROMOTED) | {name: to for name, to in options.fields.items() if to in columns},
        {"class": options.class_name} if options.class_name else {},
    )


def opened(document: Document, options: ReadOptions, frame: Frame, box: Floats) -> Reading:
    """A reading of `document`, whose coordinates lie in `box`: west, south, east, north."""
    stated, boxes = _stated_crs(document), box.reshape(-1, 4)
    place = referencing.locate(stated, "file", options.crs, boxes, swap=options.swap_axes)
    frame.findings.extend(place.findings)
    frame.findings.extend(_kept_aside(document))
    return Reading(
        place.crs,
        place.source,
        encoding="UTF-8",
        height_datum=options.height_datum,
        rejected=frame.rejected,
        findings=frame.findings,
    )


def _kept_aside(document: Document) -> Iterator[Finding]:
    """What of a document is kept in another way than it stands there."""
    images = section(document, "appearance").get("textures")
    if isinstance(images, list) and images:
        names = [str(each.get("image")) for each in images if isinstance(each, dict)]
        yield Finding(
            "info",
            "textures",
            f"{len(images)} texture images are not loaded; objects keep the names of their themes",
            evidence=_some(names),
        )
    extensions = section(document, "extensions")
    if extensions:
        said = [f"{name} {section(extensions, name).get('url', '')}".strip() for name in extensions]
        yield Finding(
            "info",
            "extensions",
            "it uses extensions of CityJSON: what they add to objects is kept as attributes",
            evidence=_some(said),
        )
    own = [name for name in document if name.startswith("+")]
    if own:
        yield Finding(
            "warning",
            "extension_properties",
            "what extensions say of the city as a whole is not kept",
            evidence=_some(own),
        )


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def extent(vertices: Floats) -> Floats:
    """West, south, east, north of vertices; empty if there are none."""
    if not len(vertices):
        return np.empty(0)
    x, y = vertices[:, 0], vertices[:, 1]
    return np.array([x.min(), y.min(), x.max(), y.max()])


def doubled_ids(data: bytes, objects: Mapping[str, Any]) -> dict[str, int]:
    """Ids that several objects of the file share, with their number.

    A parser keeps the last of equal keys in silence. More geometries or attributes in the text
    than in what was parsed give them away; only then is the file parsed pair by pair.
    """
    for word in ("geometry", "attributes"):
        parsed = sum(isinstance(each, dict) and word in each for each in objects.values())
        if data.count(f'"{word}"'.encode()) > parsed:
            break
    else:
        return {}
    found: Counter[str] = Counter()

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(items)
        if len(result) < len(items):
            kinds = [
                (key, each) for key, each in items if isinstance(each, dict) and "type" in each
            ]
            found.update(key for key, _ in kinds)
        return result

    json.loads(data.removeprefix(b"\xef\xbb\xbf"), object_pairs_hook=pairs)
    return {name: times for name, times in found.items() if times > 1 and name in objects}
