"""What is drawn in model space, one by one: shapes, faces and texts, blocks opened where large."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import shapely
from ezdxf.lldxf.const import DXFError
from ezdxf.lldxf.encoding import decode_dxf_unicode, decode_mif_to_unicode

from cim.errors import SourceError
from ingest.dxf.cass import ELEVATIONS, RELIEF_LINES
from ingest.dxf.shapes import NoShapeError, Points, faces_of, placed, shape_of
from ingest.dxf.source import Drawing
from ingest.features import Log
from ingest.reader import refuse

SYMBOL: Final = 10.0
"""Metres: a block that is larger is opened, a smaller one is a symbol at a point."""

DEEPEST: Final = 8
"""Blocks in blocks that are opened."""

MOST: Final = 5_000_000
"""Entities that blocks may open into; more is a trap, or nothing that anyone drew."""

_BROKEN: Final = (DXFError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError)
_SURROGATES: Final = re.compile("[\ud800-\udfff]")
_CASS: Final = "SOUTH"
"""Application under which CASS keeps the codes of what is drawn."""


@dataclass(slots=True)
class Drawn:
    """One thing in the drawing, in its units."""

    layer: str
    handle: str
    kind: str
    shape: Any = None
    faces: list[Points] = field(default_factory=list)
    text: str = ""
    said: dict[str, Any] = field(default_factory=dict)
    """Attributes: block, codes, extended data, attributes of the block."""


@dataclass(slots=True)
class Walk:
    """A way through model space, and what was met on it that is not loaded."""

    source: Drawing
    log: Log
    metre: float
    """A metre in the drawing's units."""
    shown: frozenset[str] = frozenset()
    """Layers, in lower case, that are read though they are hidden."""
    hidden: Counter[str] = field(default_factory=Counter)
    unread: Counter[str] = field(default_factory=Counter)
    outside: int = 0
    undecoded: int = 0
    opened: int = 0
    _sizes: dict[str, Points | None] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Drawn]:
        """Everything that is to be seen."""
        hidden = self.source.hidden - self.shown
        for entity in self.source.document.modelspace():
            yield from self._taken(entity, "", "", hidden, 0)

    def _taken(
        self, entity: Any, layer: str, handle: str, hidden: frozenset[str], depth: int
    ) -> Iterator[Drawn]:
        try:
            own = self.text(entity.dxf.layer)
            layer = layer if layer and own == "0" else own
            if layer.lower() in hidden or entity.dxf.get("invisible", 0):
                self.hidden[layer] += 1
                return
            handle = handle or str(entity.dxf.handle or f"{layer}/{self.opened}")
            if entity.dxftype() == "INSERT":
                yield from self._block(entity, layer, handle, hidden, depth)
                return
            drawn = Drawn(layer, handle, entity.dxftype(), said=self._said(entity))
            if self._fill(entity, drawn):
                yield drawn
            else:
                self.unread[drawn.kind] += 1
        except NoShapeError as error:
            self.log.reject(handle, "bad_geometry", str(error), f"{entity.dxftype()} on {layer}")
        except SourceError:
            raise
        except _BROKEN as error:
            reason = f"it is damaged: {error}"[:200]
            self.log.reject(handle, "bad_entity", reason, f"{entity.dxftype()} on {layer}")

    def _fill(self, entity: Any, drawn: Drawn) -> bool:
        """Put into `drawn` what the entity shows; False if it shows nothing that is read."""
        if drawn.kind in {"TEXT", "MTEXT"}:
            drawn.text, drawn.shape = self.text(entity.plain_text()).strip(), _text_place(entity)
            return True
        faces = faces_of(entity)
        if faces is not None:
            drawn.faces = faces
            return True
        open_only = RELIEF_LINES.search(drawn.layer) is not None
        drawn.shape = shape_of(entity, metre=self.metre, open_only=open_only)
        if drawn.kind == "POINT" and ELEVATIONS.search(drawn.layer):
            _elevate(drawn)
        return drawn.shape is not None

    def _block(
        self, insert: Any, layer: str, handle: str, hidden: frozenset[str], depth: int
    ) -> Iterator[Drawn]:
        block = insert.block()
        if block is None:
            raise NoShapeError(f"the block {self.text(insert.dxf.name)!r} is not in the drawing")
        if block.block.is_xref:
            self.outside += 1
            return
        placings = [insert]
        if insert.mcount > 1:
            self._count(insert.mcount)
            placings = list(insert.multi_insert())
        several = len(placings) > 1
        for number, each in enumerate(placings):
            name = f"{handle}/{number}" if several else handle
            said = self._said(each) | self._attributes(each, layer)
            said["block"] = self.text(each.dxf.name)
            if depth < DEEPEST and self._extent(each) > SYMBOL * self.metre:
                yield from self._parts(each, (layer, name, said), hidden, depth)
                continue
            symbol = Drawn(layer, name, "INSERT", placed(each.dxf.insert), said=said)
            symbol.said["rotation_deg"] = float(each.dxf.rotation) or None
            if ELEVATIONS.search(layer):
                _elevate(symbol)
            yield symbol

    def _parts(
        self,
        insert: Any,
        whole: tuple[str, str, Mapping[str, Any]],
        hidden: frozenset[str],
        depth: int,
    ) -> Iterator[Drawn]:
        layer, name, said = whole
        for number, part in enumerate(insert.virtual_entities()):
            self._count(1)
            for drawn in self._taken(part, layer, f"{name}/{number}", hidden, depth + 1):
                drawn.said = {**said, **drawn.said}
                yield drawn

    def _count(self, more: int) -> None:
        self.opened += more
        if self.opened > MOST:
            problem = f"its blocks in blocks make more than {MOST:,} entities"
            raise refuse(self.source.path, problem, "explode and purge it in a CAD program")

    def _extent(self, insert: Any) -> float:
        """The larger side of a block where it is inserted."""
        corners = self._corners(insert.block())
        if corners is None:
            return 0.0
        moved = np.array([tuple(each) for each in insert.matrix44().transform_vertices(corners)])
        return float(np.ptp(moved[:, :2], axis=0).max())

    def _corners(self, block: Any) -> Points | None:
        """(4, 3) corners of the bounds of a block's definition, those of blocks in it included."""
        name = block.name.lower()
        if name in self._sizes:
            return self._sizes[name]
        self._sizes[name] = None  # a block in itself ends here
        boxes = [box for each in block if (box := self._bounds(each)) is not None]
        if boxes:
            low, high = np.min(boxes, axis=0)[:2], np.max(boxes, axis=0)[2:]
            around = [(x, y, 0.0) for x in (low[0], high[0]) for y in (low[1], high[1])]
            self._sizes[name] = np.array(around)
        return self._sizes[name]

    def _bounds(self, entity: Any) -> Any:
        """West, south, east, north of an entity of a block; None for those without a size."""
        try:
            if entity.dxftype() == "INSERT":
                inner = entity.block()
                corners = None if inner is None else self._corners(inner)
                if corners is None:
                    return None
                points = [tuple(each) for each in entity.matrix44().transform_vertices(corners)]
                return shapely.bounds(shapely.MultiPoint(points))
            faces = faces_of(entity)
            shape = (
                shape_of(entity, metre=self.metre)
                if faces is None
                else shapely.MultiPoint(np.vstack(faces))
            )
        except (NoShapeError, *_BROKEN):
            return None
        return None if shape is None else shapely.bounds(shape)

    def _said(self, entity: Any) -> dict[str, Any]:
        """Extended entity data, with the code of CASS by itself."""
        if entity.xdata is None:
            return {}
        said: dict[str, Any] = {}
        for application, tags in entity.xdata.data.items():
            values = [self.text(str(value)) for code, value in tags if code not in {1001, 1002}]
            if application.upper() == _CASS and values:
                said["cass_code"], *values = values
            if values:
                said[f"xdata_{application}"] = "; ".join(values)
        return said

    def _attributes(self, insert: Any, layer: str) -> dict[str, Any]:
        said = {}
        for each in insert.attribs:
            tag, value = self.text(each.dxf.tag), self.text(each.dxf.text).strip()
            if value:
                relief = ELEVATIONS.search(layer) and tag.lower() == "height"
                said["ground_height" if relief else tag] = value
        return said

    def text(self, raw: str) -> str:
        """Text as it is meant: escapes resolved, bytes that are no text marked."""
        plain = raw.replace("\x00", "")
        if "\\" in plain:
            plain = decode_mif_to_unicode(decode_dxf_unicode(plain))
        if plain.isascii():
            return plain
        if _SURROGATES.search(plain):
            self.undecoded += 1
            plain = _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", plain)
        return plain


def _elevate(drawn: Drawn) -> None:
    """The height of a spot height is where it was drawn, unless it says its own."""
    if shapely.has_z(drawn.shape):
        drawn.said.setdefault("ground_height", float(shapely.get_z(drawn.shape)))


def _text_place(entity: Any) -> Any:
    """The middle of a text, roughly: texts are drawn from their lower left corner."""
    x, y, *_ = (float(each) for each in entity.dxf.insert)
    if entity.dxftype() == "MTEXT":
        return placed((x, y, 0.0))
    aligned = entity.dxf.get("halign", 0) or entity.dxf.get("valign", 0)
    if aligned and entity.dxf.hasattr("align_point"):
        x, y, *_ = entity.dxf.align_point
        return placed((x, y, 0.0))
    height = float(entity.dxf.height)
    width = height * sum(0.6 if each.isascii() else 1.0 for each in entity.dxf.text)
    turn = np.radians(float(entity.dxf.rotation))
    along, across = width / 2, height / 2
    return placed(
        (
            x + along * np.cos(turn) - across * np.sin(turn),
            y + along * np.sin(turn) + across * np.cos(turn),
            0.0,
        )
    )
