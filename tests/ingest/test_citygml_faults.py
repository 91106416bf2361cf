import gzip
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from citygml_models import (
    codes,
    cube,
    land_use,
    model,
    only,
    opened,
    polygon,
    saved,
    square,
    surface,
)

from cim.errors import SourceError
from ingest.catalogue import reader_for
from ingest.citygml import CITYGML
from ingest.reader import ReadOptions

LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE core:CityModel [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(12))
    + "]>\n"
)


def test_a_billion_laughs_are_refused_before_they_are_read(tmp_path: Path) -> None:
    text = model(cube(more="<gml:name>&m;</gml:name>"), head=LAUGHS)
    with pytest.raises(SourceError, match="document type"):
        opened(saved(tmp_path, text))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_a_document_type_is_seen_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    text = model(cube(), head=f"<!-- {'x' * 5000} -->{LAUGHS.partition('?>')[2]}")
    with pytest.raises(SourceError, match="document type"):
        opened(saved(tmp_path, text.encode(encoding)))


def test_an_external_entity_is_not_fetched(tmp_path: Path) -> None:
    secret = saved(tmp_path, "hidden", "secret.txt")
    head = f'<!DOCTYPE core:CityModel [<!ENTITY s SYSTEM "{secret.as_uri()}">]>'
    text = model(cube(more="<gml:name>&s;</gml:name>"), head=head)
    with pytest.raises(SourceError, match="document type"):
        opened(saved(tmp_path, text))


def test_a_truncated_file_is_one_error_with_its_line(tmp_path: Path) -> None:
    text = model(cube(), cube("b2"))
    path = saved(tmp_path, text[: len(text) * 2 // 3])
    with pytest.raises(SourceError, match=r"line \d+.*cut off or damaged"):
        opened(path)


def test_a_truncated_gzip_is_one_error(tmp_path: Path) -> None:
    data = gzip.compress(model(*(cube(f"b{n}") for n in range(200))).encode())
    path = saved(tmp_path, data[: len(data) // 2], "city.gml.gz")
    assert CITYGML.accepts(path)
    with pytest.raises(SourceError, match="cannot be unpacked"):
        opened(path)


def test_tags_that_do_not_match_are_one_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="not well-formed XML at line"):
        opened(saved(tmp_path, model(cube()).replace("</gml:Polygon>", "</gml:Polygone>", 1)))


def test_xml_without_an_end_to_its_depth_is_refused(tmp_path: Path) -> None:
    deep = "<gen:a>" * 5000 + "</gen:a>" * 5000
    with pytest.raises(SourceError, match=r"not well-formed XML.*[Dd]epth"):
        opened(saved(tmp_path, model(cube(more=deep))))


def test_no_objects_is_an_error_that_says_what_was_found(tmp_path: Path) -> None:
    path = saved(tmp_path, model())
    with pytest.raises(SourceError, match="no city objects; its root is CityModel"):
        opened(path)


@pytest.mark.parametrize(
    "text",
    [
        '<LandXML xmlns="http://www.landxml.org/schema/LandXML-1.2"/>',
        '<gml:FeatureCollection xmlns:gml="http://www.opengis.net/gml"/>',
        '<osm version="0.6"/>',
        "no XML at all",
        "",
    ],
)
def test_other_xml_is_left_to_others(tmp_path: Path, text: str) -> None:
    assert not CITYGML.accepts(saved(tmp_path, text, "city.xml"))


def test_features_of_a_service_are_read(tmp_path: Path) -> None:
    text = model(cube()).replace("core:CityModel", "wfs:FeatureCollection")
    text = text.replace("core:cityObjectMember", "wfs:member")
    text = text.replace(" xmlns:core", ' xmlns:wfs="http://www.opengis.net/wfs/2.0" xmlns:core', 1)
    path = saved(tmp_path, text)
    assert reader_for(path) is CITYGML
    assert len(only(path)[1]) == 1


@pytest.mark.parametrize(
    "numbers, reason",
    [
        ("500000 5400000 1 500010 5400000 1 500010", "do not make points"),
        ("500000 5400000 1 500010 abc 1 500010 5400010 1", "'abc' is no coordinate"),
        ("500000 nan 1 500010 5400000 1 500010 5400010 1 500000 nan 1", "NaN or infinite"),
        ("500000 1e999 1 500010 5400000 1 500010 5400010 1 500000 1e999 1", "NaN or infinite"),
    ],
)
def test_numbers_that_are_no_points_reject_their_object_only(
    tmp_path: Path, numbers: str, reason: str
) -> None:
    face = (
        '<gml:Polygon gml:id="odd"><gml:exterior><gml:LinearRing>'
        f"<gml:posList>{numbers}</gml:posList></gml:LinearRing></gml:exterior></gml:Polygon>"
    )
    reading, batch = only(saved(tmp_path, model(cube(), land_use(surface(face)))))
    assert batch.objects["object_id"].tolist() == ["b1"]
    (rejection,) = reading.rejected
    assert (rejection.object, rejection.code) == ("l", "bad_geometry")
    assert reason in rejection.reason
    assert "odd" in rejection.raw


def test_a_ring_that_is_not_closed_is_closed_and_said(tmp_path: Path) -> None:
    a, *_ = square()
    closing = " " + " ".join(f"{each:.10g}" for each in a) + "</gml:posList>"
    text = model(land_use(surface(polygon(square()))))
    assert closing in text
    reading, batch = only(saved(tmp_path, text.replace(closing, "</gml:posList>")))
    assert batch.objects["geometry"][0].area == 100
    assert "ring_not_closed" in codes(reading)


def test_a_ring_with_two_corners_is_left_out_and_said(tmp_path: Path) -> None:
    faces = surface(polygon(square()), polygon(square()[:2]))
    reading, batch = only(saved(tmp_path, model(land_use(faces))))
    assert batch.meshes[0].face_count == 1
    assert "degenerate" in codes(reading)


@pytest.mark.parametrize("lift, said", [(0.0, False), (0.05, False), (1.0, True)])
def test_a_face_that_is_not_plane_is_said(tmp_path: Path, lift: float, said: bool) -> None:
    a, b, c, d = square()
    faces = surface(polygon([a, b, (c[0], c[1], c[2] + lift), d]))
    reading, _ = only(saved(tmp_path, model(land_use(faces))))
    assert ("face_not_planar" in codes(reading)) is said


def test_an_empty_polygon_does_no_harm(tmp_path: Path) -> None:
    text = model(cube(), land_use(surface("<gml:Polygon/>", "<gml:Surface/>")))
    _, batch = only(saved(tmp_path, text))
    assert batch.objects["object_id"].tolist() == ["b1", "l"]


def test_a_file_with_one_huge_member_is_read_in_little_memory(tmp_path: Path) -> None:
    """A flood of 60 000 cells is one member; as a tree it would take a multiple of the limit."""
    cells = (
        polygon(square((500_000 + n % 300 * 10.0, 5_400_000 + n // 300 * 10.0, 1.0)))
        for n in range(60_000)
    )
    inside = surface(*cells)
    path = saved(tmp_path, model(land_use(inside)))
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from ingest.citygml import CITYGML; from ingest.reader import ReadOptions\n"
        "import ingest.citygml.reading, shapely\n"
        "used = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "before, path = used(), Path(sys.argv[1])\n"
        "(batch,) = CITYGML.open(path, ReadOptions(), path.parent)\n"
        "assert batch.meshes[0].face_count == 60000\n"
        "print((used() - before) / 1024)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True,
        cwd=Path(__file__).resolve().parents[2],
    )  # fmt: skip
    assert float(done.stdout) < 100, "megabytes above the start"


def test_an_archive_of_plateau_is_read_with_its_code_lists(tmp_path: Path) -> None:
    listed = (
        '<gml:Dictionary xmlns:gml="http://www.opengis.net/gml"><gml:dictionaryEntry>'
        "<gml:Definition><gml:description>住宅</gml:description><gml:name>411</gml:name>"
        "</gml:Definition></gml:dictionaryEntry></gml:Dictionary>"
    )
    usage = '<bldg:usage codeSpace="../../codelists/Building_usage.xml">411</bldg:usage>'
    path = tmp_path / "14201_yokosuka.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("14201/codelists/Building_usage.xml", listed)
        for number in range(2):
            own = cube(f"b{number}", (500_000 + 50 * number, 5_400_000, 0), more=usage)
            archive.writestr(f"14201/udx/bldg/{number}_bldg_6697_op.gml", model(own))
        archive.writestr("14201/README.md", "a city")
        archive.writestr("14201/metadata/udx.xml", "<MD_Metadata/>")
    assert reader_for(path) is CITYGML
    reading, batches = opened(path)
    rows = [row for batch in batches for _, row in batch.objects.iterrows()]
    assert [(row["object_id"], row["function"]) for row in rows] == [
        ("b0", "residential"),
        ("b1", "residential"),
    ]
    assert rows[0]["attributes"]["usage_code"] == "411"
    assert "codelist_missing" not in codes(reading)


def test_a_code_list_is_looked_for_in_folders_of_that_name_only(tmp_path: Path) -> None:
    saved(tmp_path, "<a/>", "private/list.xml")
    usage = '<bldg:usage codeSpace="../private/list.xml">411</bldg:usage>'
    reading, batch = only(saved(tmp_path, model(cube(more=usage)), "udx/city.gml"))
    assert batch.objects["attributes"][0]["usage_codeSpace"] == "../private/list.xml"
    assert "codelist_missing" in codes(reading)


def test_an_archive_without_models_is_left_to_others(tmp_path: Path) -> None:
    path = tmp_path / "shapes.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.shp", b"x")
        archive.writestr("a.shp.xml", "<metadata/>")
    assert not CITYGML.accepts(path)


def test_a_system_that_nobody_knows_is_an_error_the_user_can_mend(tmp_path: Path) -> None:
    path = saved(tmp_path, model(cube(), srs="#local-CRS-1"))
    reading = CITYGML.open(path, ReadOptions(), tmp_path)
    assert [(each.severity, each.code) for each in reading.findings] == [("error", "crs_missing")]
    assert only(path, crs="EPSG:25832")[0].crs == "EPSG:25832"
