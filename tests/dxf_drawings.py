"""Drawings as CASS and other CAD programs save them, made for tests."""

from pathlib import Path
from typing import Any

from ezdxf.document import Drawing
from ezdxf.filemanagement import new

from ingest.catalogue import reader_for
from ingest.dxf import DXF
from ingest.reader import Reading, ReadOptions

EAST, NORTH = 531_000.0, 3_852_000.0
"""Where the drawings are, metres in EPSG:4547."""


def blank(version: str = "R2010", *, unit: int = 6, page: str = "") -> Drawing:
    """An empty drawing; `page` is its ``$DWGCODEPAGE``."""
    document = new(version)
    document.header["$INSUNITS"] = unit
    if page:
        document.header["$DWGCODEPAGE"] = page
        document.encoding = {"ANSI_936": "gbk"}.get(page, "cp1252")
    return document


def at(*points: tuple[float, ...]) -> list[tuple[float, ...]]:
    """Points in metres from where the drawings are."""
    return [(EAST + each[0], NORTH + each[1], *each[2:]) for each in points]


def ring(document: Drawing, points: list[tuple[float, ...]], layer: str, z: float = 0.0) -> Any:
    """A closed outline, as old or new drawings have it."""
    space, on = document.modelspace(), {"layer": layer}
    if document.dxfversion < "AC1015":
        old = {**on, "elevation": (0, 0, z)}
        return space.add_polyline2d(points, close=True, dxfattribs=old)
    return space.add_lwpolyline(points, close=True, dxfattribs={**on, "elevation": z})


def house(document: Drawing, x: float, y: float, label: str = "", *, size: float = 20.0) -> Any:
    """A square house with the code of CASS and a label in its middle."""
    corners = at((x, y), (x + size, y), (x + size, y + size), (x, y + size))
    outline = ring(document, corners, "JMD")
    if "SOUTH" not in document.appids:
        document.appids.add("SOUTH")
    outline.set_xdata("SOUTH", [(1000, "141101")])
    if label:
        where = at((x + size / 3, y + size / 2))[0]
        text = document.modelspace().add_text(label, height=2, dxfattribs={"layer": "JMD"})
        text.set_placement(where)
    return outline


def survey(document: Drawing) -> Drawing:
    """A small survey: two houses, a road, a pond, a contour, spot heights, a pipe, a frame."""
    space = document.modelspace()
    house(document, 0, 0, "砖3")
    house(document, 40, 0, "混5-1")
    start, end = at((0, -10), (100, -10))
    space.add_line(start, end, dxfattribs={"layer": "DLSS"})
    space.add_circle(at((80, 40))[0], 10, dxfattribs={"layer": "SXSS"})
    contour = at((0, 50), (30, 50), (30, 80), (0, 80))
    ring(document, contour, "DGX", 75.0)
    block = document.blocks.new("GC200")
    block.add_circle((0, 0), 0.2)
    spot = space.add_blockref("GC200", at((10, -5, 72.35))[0], dxfattribs={"layer": "GCD"})
    spot.add_attrib("height", "72.35", at((11, -5))[0])
    space.add_polyline3d(at((0, -12, 70.1), (60, -12, 69.8)), dxfattribs={"layer": "GXYZ"})
    ring(document, at((-50, -50), (150, -50), (150, 150)), "TK")
    return document


def saved(document: Drawing, path: Path) -> Path:
    """The drawing as a file."""
    document.saveas(path)
    return path


def opened(path: Path, **options: Any) -> tuple[Reading, dict[str, Any]]:
    """The reading of a drawing, and its objects by layer as rows."""
    assert reader_for(path) is DXF
    reading = DXF.open(path, ReadOptions(**options), path.parent)
    layers: dict[str, Any] = {}
    for batch in reading:
        for row in batch.objects.to_dict("records"):
            layers.setdefault(row["layer"], []).append(row)
    return reading, layers
