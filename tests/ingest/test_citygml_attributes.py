from pathlib import Path
from typing import Any

import pytest
from citygml_models import codes, cube, model, only, saved

from ingest.citygml.classes import class_of
from ingest.citygml.codelists import meanings


def said(folder: Path, more: str, version: str = "2.0") -> tuple[Any, dict[str, Any]]:
    """The row of a building with these elements, and its attributes."""
    _, batch = only(saved(folder, model(cube(more=more, version=version), version=version)))
    row = batch.objects.iloc[0]
    return row, row["attributes"]


def test_generic_attributes_keep_their_names_and_types(tmp_path: Path) -> None:
    _, attributes = said(
        tmp_path,
        '<gen:stringAttribute name="建物ID"><gen:value>0123</gen:value></gen:stringAttribute>'
        '<gen:intAttribute name="n"><gen:value>7</gen:value></gen:intAttribute>'
        '<gen:doubleAttribute name="d"><gen:value>0.5</gen:value></gen:doubleAttribute>'
        '<gen:measureAttribute name="a"><gen:value uom="m2">42</gen:value></gen:measureAttribute>'
        '<gen:genericAttributeSet name="set"><gen:stringAttribute name="x">'
        "<gen:value>y</gen:value></gen:stringAttribute></gen:genericAttributeSet>",
    )
    assert attributes == {"建物ID": "0123", "n": 7, "d": 0.5, "a": 42, "a_uom": "m2", "set.x": "y"}


def test_generic_attributes_of_version_three(tmp_path: Path) -> None:
    _, attributes = said(
        tmp_path,
        "<core:genericAttribute><gen:DoubleAttribute><gen:name>sun</gen:name>"
        "<gen:value>1.5</gen:value></gen:DoubleAttribute></core:genericAttribute>",
        "3.0",
    )
    assert attributes == {"sun": 1.5}


@pytest.mark.parametrize(
    "text, height",
    [
        ('<bldg:measuredHeight uom="m">7.5</bldg:measuredHeight>', 7.5),
        ('<bldg:measuredHeight uom="#m">7.5</bldg:measuredHeight>', 7.5),
        ('<bldg:measuredHeight uom="urn:ogc:def:uom:UCUM::m">7.5</bldg:measuredHeight>', 7.5),
        ('<bldg:measuredHeight uom="urn:ogc:def:uom:EPSG::9001">7.5</bldg:measuredHeight>', 7.5),
        ('<bldg:measuredHeight uom="ft">10</bldg:measuredHeight>', 3.048),
        ('<bldg:measuredHeight uom="m">-9999</bldg:measuredHeight>', 5),
    ],
)
def test_the_height_is_in_metres_whatever_its_unit(
    tmp_path: Path, text: str, height: float
) -> None:
    row, _ = said(tmp_path, text)
    assert row["height"] == pytest.approx(height)


def test_a_unit_nobody_knows_is_said_and_the_number_kept(tmp_path: Path) -> None:
    text = '<bldg:measuredHeight uom="smoot">4</bldg:measuredHeight>'
    reading, batch = only(saved(tmp_path, model(cube(more=text))))
    assert "unknown_unit" in codes(reading)
    assert batch.objects["height"][0] == 5, "from the surfaces"
    assert batch.objects["attributes"][0]["measuredHeight_unknown_unit"] == "4 smoot"


def test_a_height_of_version_three_says_between_what(tmp_path: Path) -> None:
    height = (
        "<con:height><con:Height><con:highReference>{}</con:highReference><con:lowReference>"
        "lowestGroundPoint</con:lowReference><con:status>measured</con:status>"
        '<con:value uom="m">{}</con:value></con:Height></con:height>'
    )
    text = height.format("lowestEaves", 3) + height.format("highestRoofEdge", 4)
    row, attributes = said(tmp_path, text, "3.0")
    assert row["height"] == 4
    assert attributes["height.lowestEaves-lowestGroundPoint"] == 3
    assert attributes["height_status"] == "measured"


def test_typed_attributes_have_their_columns(tmp_path: Path) -> None:
    row, attributes = said(
        tmp_path,
        '<bldg:function codeSpace="codelists/none.xml">1</bldg:function>'
        "<bldg:yearOfConstruction>1985</bldg:yearOfConstruction>"
        "<bldg:storeysAboveGround>3</bldg:storeysAboveGround>"
        "<bldg:storeysBelowGround>1</bldg:storeysBelowGround><bldg:roofType>1030</bldg:roofType>",
    )
    assert (row["function"], row["valid_from"]) == ("1", "1985-01-01")
    assert (row["storeys_above_ground"], row["storeys_below_ground"]) == (3, 1)
    assert attributes["roofType"] == 1030
    assert attributes["function_codeSpace"] == "codelists/none.xml"


def test_usage_is_a_function_where_there_is_no_other(tmp_path: Path) -> None:
    row, attributes = said(tmp_path, "<bldg:usage>residential</bldg:usage>")
    assert (row["function"], attributes["usage"]) == ("residential", "residential")
    text = "<bldg:usage>office</bldg:usage><bldg:function>school</bldg:function>"
    row, attributes = said(tmp_path, text)
    assert (row["function"], attributes["usage"]) == ("school", "office")


@pytest.mark.parametrize(
    "address",
    [
        "<xAL:AddressDetails><xAL:Country><xAL:CountryName>日本</xAL:CountryName><xAL:Locality>"
        "<xAL:LocalityName>東京都</xAL:LocalityName><xAL:Thoroughfare><xAL:ThoroughfareNumber>1"
        "</xAL:ThoroughfareNumber><xAL:ThoroughfareName>銀座</xAL:ThoroughfareName>"
        "</xAL:Thoroughfare></xAL:Locality></xAL:Country></xAL:AddressDetails>",
        "<xAL:Address><xAL:Country><xAL:NameElement>日本</xAL:NameElement></xAL:Country>"
        "<xAL:Locality><xAL:NameElement>東京都</xAL:NameElement></xAL:Locality><xAL:Thoroughfare>"
        "<xAL:NameElement>銀座</xAL:NameElement><xAL:Number>1</xAL:Number></xAL:Thoroughfare>"
        "</xAL:Address>",
    ],
    ids=["xAL 2", "xAL 3"],
)
def test_an_address_is_taken_apart(tmp_path: Path, address: str) -> None:
    text = (
        f"<bldg:address><core:Address><core:xalAddress>{address}</core:xalAddress></core:Address>"
    )
    _, attributes = said(tmp_path, f"{text}</bldg:address>")
    assert attributes == {
        "address.country": "日本",
        "address.city": "東京都",
        "address.street": "銀座",
        "address.housenumber": "1",
    }


def test_extensions_keep_their_fields_under_clear_names(tmp_path: Path) -> None:
    risk = (
        "<uro:buildingDisasterRiskAttribute><uro:{0}><uro:rank>{1}</uro:rank>"
        '<uro:depth uom="m">0.5</uro:depth></uro:{0}></uro:buildingDisasterRiskAttribute>'
    )
    _, attributes = said(
        tmp_path,
        "<uro:buildingDetailAttribute><uro:BuildingDetailAttribute>"
        '<uro:totalFloorArea uom="m2">42.5</uro:totalFloorArea>'
        "<uro:surveyYear>2016</uro:surveyYear>"
        "</uro:BuildingDetailAttribute></uro:buildingDetailAttribute>"
        + risk.format("BuildingTsunamiRiskAttribute", 3)
        + risk.format("BuildingRiverFloodingRiskAttribute", 1)
        + risk.format("BuildingRiverFloodingRiskAttribute", 2),
    )
    assert attributes == {
        "uro.BuildingDetailAttribute.totalFloorArea": 42.5,
        "uro.BuildingDetailAttribute.totalFloorArea_uom": "m2",
        "uro.BuildingDetailAttribute.surveyYear": 2016,
        "uro.BuildingTsunamiRiskAttribute.rank": 3,
        "uro.BuildingTsunamiRiskAttribute.depth": 0.5,
        "uro.BuildingRiverFloodingRiskAttribute.rank": 1,
        "uro.BuildingRiverFloodingRiskAttribute.depth": 0.5,
        "uro.BuildingRiverFloodingRiskAttribute[2].rank": 2,
        "uro.BuildingRiverFloodingRiskAttribute[2].depth": 0.5,
    }


def test_a_zone_of_urban_planning_is_a_place_with_its_function_and_day(tmp_path: Path) -> None:
    text = (
        '<urf:UseDistrict gml:id="u">'
        '<urf:function codeSpace="codelists/Common.xml">1</urf:function>'
        "<urf:validFrom>2011-03-29</urf:validFrom><urf:floorAreaRate>0.6</urf:floorAreaRate>"
        "</urf:UseDistrict>"
    )
    _, batch = only(saved(tmp_path, model(text)))
    row = batch.objects.iloc[0]
    assert (row["class"], row["function"], row["valid_from"]) == (
        "GenericLogicalSpace",
        "1",
        "2011-03-29",
    )
    assert row["attributes"]["citygml_class"] == "urf.UseDistrict"
    assert row["attributes"]["floorAreaRate"] == 0.6


@pytest.mark.parametrize(
    "entry",
    [
        "<gml:description>residential</gml:description><gml:name>1000</gml:name>",
        '<gml:name codeSpace="x">1000</gml:name><gml:name>residential</gml:name>',
        "<gml:identifier>1000</gml:identifier><gml:name>residential</gml:name>",
    ],
    ids=["PLATEAU", "SIG 3D", "GML 3.2"],
)
def test_a_code_list_is_read(entry: str) -> None:
    text = (
        '<gml:Dictionary xmlns:gml="http://www.opengis.net/gml"><gml:dictionaryEntry>'
        f"<gml:Definition>{entry}</gml:Definition></gml:dictionaryEntry></gml:Dictionary>"
    )
    assert meanings(text.encode()) == {"1000": "residential"}


def test_a_code_list_that_is_none_says_nothing() -> None:
    assert meanings(b"<a") == meanings(b"<a/>") == meanings(b"<!DOCTYPE a><a/>") == {}


@pytest.mark.parametrize(
    "name, namespace, parent, expected",
    [
        ("TrafficSpace", "", "Railway", "Railway"),
        ("Section", "", "", "Road"),
        ("BridgePart", "", "", "Bridge"),
        ("HollowSpace", "", "", "BuildingRoom"),
        ("WaterPipe", "https://www.geospatial.jp/iur/uro/3.0", "", "Pipe"),
        ("ScenicDistrict", "https://www.geospatial.jp/iur/urf/2.0", "", "GenericLogicalSpace"),
        ("Anything", "", "", "GenericOccupiedSpace"),
    ],
)
def test_each_class_has_one_of_ours(name: str, namespace: str, parent: str, expected: str) -> None:
    assert class_of(name, namespace, parent) == expected
