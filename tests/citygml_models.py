"""Small CityGML documents for tests: unit cubes and what may stand around them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cim.model import Batch
from ingest.citygml import CITYGML
from ingest.reader import Reading, ReadOptions

UTM = "urn:ogc:def:crs:EPSG::25832"
JAPAN = "http://www.opengis.net/def/crs/EPSG/0/6697"

CORNERS = [(x, y, z) for z in (0, 5) for y in (0, 10) for x in (0, 10)]
FACES = {
    "GroundSurface": [(0, 2, 3, 1)],
    "RoofSurface": [(4, 5, 7, 6)],
    "WallSurface": [(0, 1, 5, 4), (1, 3, 7, 5), (3, 2, 6, 7), (2, 0, 4, 6)],
}
"""Faces of a cube seen from outside, by what they are."""

PREFIXES = ("bldg building", "gen generics", "app appearance", "dem relief", "frn cityfurniture")
PREFIXES += ("tran transportation", "wtr waterbody", "luse landuse", "veg vegetation")
PREFIXES += ("grp cityobjectgroup", "brid bridge", "tun tunnel", "con construction")
SPACES = {
    "1.0": "http://www.opengis.net/citygml/{}1.0",
    "2.0": "http://www.opengis.net/citygml/{}2.0",
    "3.0": "http://www.opengis.net/citygml/{}3.0",
    "0.4": "http://www.citygml.org/citygml/{}1/0/0",
}


def model(
    *members: str, version: str = "2.0", srs: str | None = UTM, more: str = "", head: str = ""
) -> str:
    """A CityModel; `more` stands after the members, `head` before the root."""
    gml = "http://www.opengis.net/gml" + ("/3.2" if version == "3.0" else "")
    space = SPACES[version]
    listed = [f'xmlns:core="{space.format("")}"', f'xmlns:gml="{gml}"']
    for each in PREFIXES:
        prefix, name = each.split()
        listed.append(f'xmlns:{prefix}="{space.format(name + "/")}"')
    listed.append('xmlns:xlink="http://www.w3.org/1999/xlink"')
    listed.append('xmlns:xAL="urn:oasis:names:tc:ciq:xsdschema:xAL:2.0"')
    listed.append('xmlns:uro="https://www.geospatial.jp/iur/uro/2.0"')
    listed.append('xmlns:urf="https://www.geospatial.jp/iur/urf/2.0"')
    box = (
        ""
        if srs is None
        else f'<gml:boundedBy><gml:Envelope srsName="{srs}" srsDimension="3"/></gml:boundedBy>'
    )
    inside = "\n".join(f"<core:cityObjectMember>{each}</core:cityObjectMember>" for each in members)
    return f"{head}<core:CityModel {' '.join(listed)}>{box}\n{inside}\n{more}</core:CityModel>\n"


def ring(points: Sequence[Sequence[float]], tag: str = "exterior") -> str:
    """A ring of a polygon, closed."""
    text = " ".join(f"{c:.10g}" for point in (*points, points[0]) for c in point)
    return (
        f"<gml:{tag}><gml:LinearRing><gml:posList>{text}</gml:posList></gml:LinearRing></gml:{tag}>"
    )


def polygon(points: Sequence[Sequence[float]], name: str = "") -> str:
    """A polygon without holes."""
    return f"<gml:Polygon{gml_id(name)}>{ring(points)}</gml:Polygon>"


def gml_id(name: str) -> str:
    """An attribute, or nothing."""
    return f' gml:id="{name}"' if name else ""


def surface(*members: str, kind: str = "MultiSurface") -> str:
    """A surface of several."""
    inside = "".join(f"<gml:surfaceMember>{each}</gml:surfaceMember>" for each in members)
    return f"<gml:{kind}>{inside}</gml:{kind}>"


def solid(*members: str) -> str:
    """A solid without holes inside."""
    shell = surface(*members, kind="CompositeSurface")
    return f"<gml:Solid><gml:exterior>{shell}</gml:exterior></gml:Solid>"


def reference(name: str) -> str:
    """A member of a surface that is somewhere else."""
    return f'<gml:surfaceMember xlink:href="#{name}"/>'


def cube(
    name: str = "b1",
    at: tuple[float, float, float] = (500_000, 5_400_000, 100),
    step: tuple[float, float, float] = (1, 1, 1),
    more: str = "",
    version: str = "2.0",
) -> str:
    """A Building with a solid that refers to the polygons of its thematic surfaces."""
    corners = [tuple(o + c * s for o, c, s in zip(at, p, step, strict=True)) for p in CORNERS]
    three = version == "3.0"
    bounds, lod = ("core:boundary", "core") if three else ("bldg:boundedBy", "bldg")
    texts, references = [], []
    for kind, faces in FACES.items():
        for number, face in enumerate(faces):
            own = f"{name}_{kind}_{number}"
            references.append(reference(f"{own}_p"))
            shape = surface(polygon([corners[at] for at in face], f"{own}_p"))
            prefix = "con" if three else "bldg"
            texts.append(
                f"<{bounds}><{prefix}:{kind}{gml_id(own)}><{lod}:lod2MultiSurface>{shape}"
                f"</{lod}:lod2MultiSurface></{prefix}:{kind}></{bounds}>"
            )
    shell = f"<gml:CompositeSurface>{''.join(references)}</gml:CompositeSurface>"
    body = f"<{lod}:lod2Solid><gml:Solid><gml:exterior>{shell}</gml:exterior></gml:Solid>"
    body += f"</{lod}:lod2Solid>"
    return f"<bldg:Building{gml_id(name)}>{more}{body}{''.join(texts)}</bldg:Building>"


def square(at: tuple[float, float, float] = (500_000, 5_400_000, 100), size: float = 10) -> Any:
    """Corners of a level square."""
    x, y, z = at
    return [(x, y, z), (x + size, y, z), (x + size, y + size, z), (x, y + size, z)]


def land_use(geometry: str, name: str = "l") -> str:
    """A piece of land with a geometry."""
    shape = f"<luse:lod1MultiSurface>{geometry}</luse:lod1MultiSurface>"
    return f"<luse:LandUse{gml_id(name)}>{shape}</luse:LandUse>"


def saved(folder: Path, text: str | bytes, name: str = "city.gml") -> Path:
    """The document as a file."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def opened(path: Path, **options: Any) -> tuple[Reading, list[Batch]]:
    """The reading of a file and all its batches."""
    reading = CITYGML.open(path, ReadOptions(**options), path.parent)
    return reading, list(reading)


def only(path: Path, **options: Any) -> tuple[Reading, Batch]:
    """The reading and its single batch."""
    reading, (batch,) = opened(path, **options)
    return reading, batch


def codes(reading: Reading) -> set[str]:
    """The codes of its findings."""
    return {each.code for each in reading.findings}
