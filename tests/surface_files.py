"""Bodies as GIS writes them: multipatch shapefiles and GeoPackages of polyhedral surfaces."""

import sqlite3
import struct
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import geopandas as gpd
import shapely

Corner = tuple[float, float, float]
Patch = tuple[int, Sequence[Corner]]
"""Kind of part (0 triangle strip, 2 outer ring) and its corners."""

ORIGIN = (500_000.0, 3_850_000.0)
SIDE, TALL = 10.0, 30.0
PLAN = ((0, 0), (0, 1), (1, 1), (1, 0), (0, 0))


def corner(x: float, y: float, z: float) -> Corner:
    """A corner of the unit cube, as large as a building and where one is."""
    return ORIGIN[0] + SIDE * x, ORIGIN[1] + SIDE * y, TALL * z


def tower() -> list[Patch]:
    """Floor, roof and four walls; the walls are one triangle strip."""
    floor = [corner(x, y, 0) for x, y in PLAN]
    roof = [corner(x, y, 1) for x, y in reversed(PLAN)]
    walls = [corner(x, y, z) for x, y in PLAN for z in (0, 1)]
    return [(2, floor), (2, roof), (0, walls)]


def multipatch(path: Path, bodies: Sequence[Sequence[Patch]]) -> Path:
    """A shapefile of multipatches (ESRI white paper of July 1998, type 31) with an id each."""
    contents = [_content(each) for each in bodies]
    for suffix, records in (
        (
            ".shp",
            [struct.pack(">2i", at + 1, len(each) // 2) + each for at, each in _numbered(contents)],
        ),
        (".shx", list(_index(contents))),
    ):
        length = 50 + sum(map(len, records)) // 2
        header = struct.pack(">7i", 9994, 0, 0, 0, 0, 0, length) + struct.pack("<2i", 1000, 31)
        path.with_suffix(suffix).write_bytes(header + bytes(64) + b"".join(records))
    field = b"id".ljust(11, b"\0") + b"N" + bytes(4) + bytes([4, 0]) + bytes(14)
    head = struct.pack("<4BIHH20x", 3, 124, 1, 1, len(bodies), 65, 5) + field + b"\r"
    rows = b"".join(b" " + str(at).rjust(4).encode() for at in range(len(bodies)))
    path.with_suffix(".dbf").write_bytes(head + rows + b"\x1a")
    return path


def _numbered(contents: Sequence[bytes]) -> list[tuple[int, bytes]]:
    return list(enumerate(contents))


def _index(contents: Sequence[bytes]) -> list[bytes]:
    found, at = [], 50
    for each in contents:
        found.append(struct.pack(">2i", at, len(each) // 2))
        at += 4 + len(each) // 2
    return found


def _content(patches: Sequence[Patch]) -> bytes:
    points = [point for _, ring in patches for point in ring]
    starts = [sum(len(ring) for _, ring in patches[:at]) for at in range(len(patches))]
    x, y, z = zip(*points, strict=True)
    count = len(points)
    return b"".join(
        (
            struct.pack("<i4d", 31, min(x), min(y), max(x), max(y)),
            struct.pack("<2i", len(patches), count),
            struct.pack(f"<{len(patches)}i", *starts),
            struct.pack(f"<{len(patches)}i", *(kind for kind, _ in patches)),
            *(struct.pack("<2d", point[0], point[1]) for point in points),
            struct.pack(f"<2d{count}d", min(z), max(z), *z),
            struct.pack(f"<2d{count}d", 0, 0, *([0] * count)),
        )
    )


def polyhedral_geopackage(path: Path, declared: str) -> Path:
    """A GeoPackage with one layer declared as polyhedral surface or TIN: a tower."""
    flat = [shapely.Polygon(ring) for kind, ring in tower() if kind == 2]
    table = gpd.GeoDataFrame(
        {"名称": ["塔"]}, geometry=[shapely.MultiPolygon(flat)], crs="EPSG:4547"
    )
    table.to_file(path, layer="bodies", driver="GPKG")
    code = {"POLYHEDRALSURFACE": 1015, "TIN": 1016}[declared]
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("UPDATE gpkg_geometry_columns SET geometry_type_name = ?", [declared])
        for (name,) in file.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            file.execute(f'DROP TRIGGER "{name}"')
        (blob,) = file.execute("SELECT geom FROM bodies").fetchone()
        changed = blob.replace(struct.pack("<BI", 1, 1006), struct.pack("<BI", 1, code), 1)
        if declared == "TIN":
            changed = changed.replace(struct.pack("<BI", 1, 1003), struct.pack("<BI", 1, 1017))
        file.execute("UPDATE bodies SET geom = ?", [changed])
    return path
