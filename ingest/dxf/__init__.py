"""DXF drawings, among them those of CASS surveys: outlines, lines, points, faces and labels."""

from pathlib import Path
from typing import Final

from ingest.reader import Reader, Reading, ReadOptions


def _open(path: Path, options: ReadOptions, work: Path) -> Reading:
    from ingest.dxf.reading import open_dxf  # noqa: PLC0415  ezdxf is slow to import

    return open_dxf(path, options, work)


DXF: Final = Reader("dxf", "Drawing (DXF)", (".dxf",), _open)
