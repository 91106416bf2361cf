"""ifcXML is read as the STEP file of the same model is."""

from pathlib import Path

import pandas as pd
import pytest
from ifc_models import House
from ifc_xml import as_xml

from cim.errors import SourceError
from ingest.ifc import IFC
from ingest.reader import Reading, ReadOptions


def read(path: Path) -> Reading:
    work = path.parent / "work"
    work.mkdir(exist_ok=True)
    return IFC.open(path, ReadOptions(), work)


@pytest.fixture
def house(tmp_path: Path) -> Path:
    path = tmp_path / "house.ifc"
    path.write_bytes(
        House("IFC2X3", 0.001, "M\\X2\\00FC\\X0\\ller''s <wall> & \\X2\\5899\\X0\\").encode()
    )
    return path


def test_same_objects_and_volumes(house: Path, tmp_path: Path) -> None:
    (tmp_path / "house.ifcxml").write_text(as_xml(house), "utf-8")
    frames = []
    volumes = []
    for name in ("house.ifc", "house.ifcxml"):
        batches = list(read(tmp_path / name))
        frames.append(pd.concat([each.objects for each in batches]).set_index("object_id"))
        volumes.append({m.object_id: m.volume for each in batches for m in each.meshes})
    assert len(frames[0]) == 6
    assert volumes[0] == pytest.approx(volumes[1])
    left, right = (each.sort_index().drop(columns=["name"]) for each in frames)
    pd.testing.assert_frame_equal(left, right)


def test_names_keep_every_character(house: Path, tmp_path: Path) -> None:
    text = as_xml(house).replace("Floor", "Müller's &lt;floor&gt; \\X\\ 墙𠀋")
    (tmp_path / "house.ifcxml").write_text(text, "utf-8")
    names = set(next(iter(read(tmp_path / "house.ifcxml"))).objects["name"])
    assert "Müller's <floor> \\X\\ 墙𠀋" in names


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("</uos>", "", "no sound XML"),
        ("<uos ", "<other ", "no sound XML"),
        ("<ex:iso", "<!DOCTYPE x [<!ENTITY a 'b'>]><ex:iso", "XML entities"),
        ("IfcSlab", "IfcFloor", "does not know"),
        ("ifc2x3", "other", "which IFC schema"),
    ],
)
def test_other_xml_is_refused_with_a_remedy(
    house: Path, tmp_path: Path, before: str, after: str, reason: str
) -> None:
    text = as_xml(house).replace(before, after).replace("/IFC2x3/FINAL", "/x")
    (tmp_path / "house.ifcxml").write_text(text, "utf-8")
    with pytest.raises(SourceError, match=reason) as caught:
        read(tmp_path / "house.ifcxml")
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "reason"),
    [("<a/>", "no element uos"), ("<ifcXML/>", "IFC 4"), ("<", "no sound XML")],
)
def test_what_is_no_ifcxml_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "a.ifcxml").write_text(text, "utf-8")
    with pytest.raises(SourceError, match=reason):
        read(tmp_path / "a.ifcxml")
