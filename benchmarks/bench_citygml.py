"""CPU of reading CityGML 2 into batches, against bare lxml walking through the same file.

Run ``python benchmarks/bench_citygml.py [BUILDINGS]``; the file is made here: LoD 2 buildings with
a gabled roof, seven thematic surfaces and a solid that refers to their polygons. Times are CPU
seconds, the least of several runs that take turns; the peak is the resident memory of a process
that only reads. The goal is 500 buildings a second.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from bench_cityjson import least

from ingest.citygml import CITYGML
from ingest.reader import ReadOptions

ROUNDS = 3
BUILDINGS = 20_000
GOAL = 500

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<core:CityModel xmlns:core="http://www.opengis.net/citygml/2.0"
 xmlns:bldg="http://www.opengis.net/citygml/building/2.0" xmlns:gml="http://www.opengis.net/gml"
 xmlns:gen="http://www.opengis.net/citygml/generics/2.0"
 xmlns:xlink="http://www.w3.org/1999/xlink">
<gml:boundedBy><gml:Envelope srsName="urn:ogc:def:crs:EPSG::25832" srsDimension="3">
<gml:lowerCorner>450000 5400000 100</gml:lowerCorner>
<gml:upperCorner>490000 5440000 120</gml:upperCorner></gml:Envelope></gml:boundedBy>
"""

SURFACES = {
    "GroundSurface": [(0, 3, 2, 1)],
    "RoofSurface": [(4, 5, 9, 8), (6, 7, 8, 9)],
    "WallSurface": [(0, 1, 5, 4), (1, 2, 6, 9, 5), (2, 3, 7, 6), (3, 0, 4, 8, 7)],
}


def building(number: int) -> str:
    x, y = 450_000 + number % 400 * 25.0, 5_400_000 + number // 400 * 25.0
    plan = [(x, y), (x + 10.5, y), (x + 10.5, y + 8.25), (x, y + 8.25)]
    corners = [(*at, 101.5) for at in plan] + [(*at, 107.25) for at in plan]
    corners += [(x, y + 4.125, 110.75), (x + 10.5, y + 4.125, 110.75)]
    surfaces, references = [], []
    for kind, faces in SURFACES.items():
        for at, face in enumerate(faces):
            name = f"B{number}_{kind}_{at}"
            ring = " ".join(f"{c:.3f}" for p in (*face, face[0]) for c in corners[p])
            references.append(f'<gml:surfaceMember xlink:href="#{name}_poly"/>')
            surfaces.append(
                f'<bldg:boundedBy><bldg:{kind} gml:id="{name}"><bldg:lod2MultiSurface>'
                f'<gml:MultiSurface><gml:surfaceMember><gml:Polygon gml:id="{name}_poly">'
                f"<gml:exterior><gml:LinearRing><gml:posList>{ring}</gml:posList></gml:LinearRing>"
                f"</gml:exterior></gml:Polygon></gml:surfaceMember></gml:MultiSurface>"
                f"</bldg:lod2MultiSurface></bldg:{kind}></bldg:boundedBy>\n"
            )
    return (
        f'<core:cityObjectMember><bldg:Building gml:id="B{number}">'
        f'<gen:stringAttribute name="owner"><gen:value>{number % 7}</gen:value>'
        "</gen:stringAttribute><bldg:function>1000</bldg:function>"
        '<bldg:measuredHeight uom="m">9.25</bldg:measuredHeight>'
        "<bldg:storeysAboveGround>2</bldg:storeysAboveGround><bldg:lod2Solid><gml:Solid>"
        f"<gml:exterior><gml:CompositeSurface>{''.join(references)}</gml:CompositeSurface>"
        f"</gml:exterior></gml:Solid></bldg:lod2Solid>\n{''.join(surfaces)}"
        "</bldg:Building></core:cityObjectMember>\n"
    )


def city(target: Path, count: int) -> Path:
    with target.open("w", encoding="utf-8") as file:
        file.write(HEAD)
        file.writelines(map(building, range(count)))
        file.write("</core:CityModel>\n")
    return target


def ours(path: Path) -> int:
    return sum(len(batch) for batch in CITYGML.open(path, ReadOptions(), path.parent))


def bare(path: Path) -> int:
    from lxml import etree  # noqa: PLC0415  # its import is not part of the measurement

    count = 0
    for _, element in etree.iterparse(path, tag="{*}cityObjectMember"):
        count += 1
        element.clear()
        while element.getprevious() is not None:
            del element.getparent()[0]
    return count


def peak(path: Path, whose: str) -> float:
    """Resident megabytes of a process that reads `path` once."""
    command = [sys.executable, __file__, "--once", whose, str(path)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    if sys.argv[1:2] == ["--once"]:
        {"ours": ours, "bare": bare}[sys.argv[2]](Path(sys.argv[3]))
        status = Path("/proc/self/status").read_text("ascii")
        print(int(status.partition("VmHWM:")[2].split()[0]) / 1024)
        return
    count = int(sys.argv[1]) if sys.argv[1:] else BUILDINGS
    with tempfile.TemporaryDirectory() as scratch:
        for buildings in (count // 4, count):
            path = city(Path(scratch) / f"{buildings}.gml", buildings)
            assert ours(path) == bare(path) == buildings
            own, other = least(path, ROUNDS, ours, bare)
            size = path.stat().st_size / 1e6
            print(
                f"{buildings} buildings, {size:.1f} MB: ours {own:.3f} s, bare lxml {other:.3f} s,"
                f" ratio {own / other:.2f}; {buildings / own:.0f} buildings/s (goal {GOAL})"
            )
            print(f"peak MB: ours {peak(path, 'ours'):.0f}, bare {peak(path, 'bare'):.0f}")


if __name__ == "__main__":
    main()
