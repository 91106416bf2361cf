from pathlib import Path

import numpy as np
import pytest
from citygml_models import JAPAN, codes, cube, land_use, model, only, polygon, saved, surface

from ingest import amend
from ingest.citygml import CITYGML
from ingest.citygml.place import local, understood
from ingest.reader import ReadOptions

DEGREES = (1e-5, 1e-5, 1.0)


@pytest.mark.parametrize(
    "name, crs, north_first, datum",
    [
        ("EPSG:25832", "EPSG:25832", False, ""),
        ("epsg:25832", "EPSG:25832", False, ""),
        ("25832", "EPSG:25832", False, ""),
        ("urn:ogc:def:crs:EPSG::25832", "EPSG:25832", False, ""),
        ("urn:x-ogc:def:crs:EPSG:6.9:25832", "EPSG:25832", False, ""),
        ("http://www.opengis.net/gml/srs/epsg.xml#25832", "EPSG:25832", False, ""),
        (
            "urn:ogc:def:crs,crs:EPSG::25832,crs:EPSG::5783",
            "EPSG:5555",
            False,
            "DHHN92 height",
        ),
        (
            "urn:ogc:def:crs,crs:EPSG:6.12:3068,crs:EPSG:6.12:5783",
            "EPSG:3068",
            True,
            "DHHN92 height",
        ),
        ("urn:ogc:def:crs:OGC:1.3:CRS84", "OGC:CRS84", False, ""),
        ("urn:ogc:def:crs:EPSG::4326", "EPSG:4326", True, ""),
        ("EPSG:4326", "EPSG:4326", True, ""),
        (JAPAN, "EPSG:6697", True, "JGD2011 (vertical) height"),
        ("EPSG:6697", "EPSG:6697", True, "JGD2011 (vertical) height"),
        ("urn:ogc:def:crs:EPSG::31467", "EPSG:31467", True, ""),
        ("EPSG:31467", "EPSG:31467", False, ""),
        ("urn:adv:crs:DE_DHDN_3GK4*DE_DHHN92_NH", "EPSG:31468", False, "DHHN92 height"),
        ("urn:adv:crs:ETRS89_UTM32*DE_DHHN2016_NH", "EPSG:25832", False, "DHHN2016 height"),
        (
            "http://www.opengis.net/def/crs-compound?1=http://www.opengis.net/def/crs/EPSG/0/25832"
            "&2=http://www.opengis.net/def/crs/EPSG/0/5783",
            "EPSG:5555",
            False,
            "DHHN92 height",
        ),
        ("#local-CRS-1", "", False, ""),
        ("urn:adv:crs:DE_NOWHERE", "", False, ""),
        ("nonsense", "", False, ""),
        ("", "", False, ""),
    ],
)
def test_a_name_of_a_system_is_understood(
    name: str, crs: str, north_first: bool, datum: str
) -> None:
    found = understood(name)
    assert (found.crs, found.north_first, found.datum) == (crs, north_first, datum)


def test_latitude_first_is_turned_and_heights_are_named(tmp_path: Path) -> None:
    text = model(cube(at=(35.26, 139.7, 10), step=DEGREES), srs=JAPAN)
    reading, batch = only(saved(tmp_path, text, "14201_bldg_6668_op.gml"))
    assert reading.crs == "EPSG:6697", "the srsName counts, not the file's name"
    assert reading.height_datum == "JGD2011 (vertical) height"
    assert batch.objects["geometry"][0].bounds == pytest.approx((139.7, 35.26, 139.7001, 35.2601))
    assert "height_datum" in codes(reading)
    assert batch.meshes[0].vertices.min(axis=0) == pytest.approx([139.7, 35.26, 10])


def test_a_small_latitude_that_could_be_a_longitude_is_turned_too(tmp_path: Path) -> None:
    text = model(cube(at=(48.1, 11.5, 500), step=DEGREES), srs="urn:ogc:def:crs:EPSG::4258")
    _, batch = only(saved(tmp_path, text))
    assert batch.objects["geometry"][0].bounds[:2] == pytest.approx((11.5, 48.1))


@pytest.mark.parametrize("srs", [JAPAN, "urn:ogc:def:crs:EPSG::6668"])
def test_longitude_first_against_the_definition_is_taken_as_it_fits(
    tmp_path: Path, srs: str
) -> None:
    text = model(cube(at=(139.7, 35.26, 10), step=DEGREES), srs=srs)
    reading, batch = only(saved(tmp_path, text))
    assert batch.objects["geometry"][0].bounds[:2] == pytest.approx((139.7, 35.26))
    assert "axis_order" in codes(reading)


def test_easting_first_against_the_definition_is_taken_as_it_fits(tmp_path: Path) -> None:
    text = model(cube(at=(3_500_000, 5_400_000, 10)), srs="urn:ogc:def:crs:EPSG::31467")
    reading, batch = only(saved(tmp_path, text))
    assert batch.objects["geometry"][0].bounds[:2] == (3_500_000, 5_400_000)
    assert "axis_order" in codes(reading)


def test_a_system_only_the_geometries_name_is_found(tmp_path: Path) -> None:
    own = surface(
        polygon([(500_000, 5_400_000, 1), (500_010, 5_400_000, 1), (500_010, 5_400_010, 1)])
    )
    own = own.replace("<gml:MultiSurface", '<gml:MultiSurface srsName="EPSG:32632"', 1)
    reading, batch = only(saved(tmp_path, model(land_use(own), srs=None)))
    assert reading.crs == "EPSG:32632"
    assert "own_system" not in codes(reading)
    assert batch.objects["geometry"][0].area == 50


def test_a_local_system_with_an_anchor_is_put_there(tmp_path: Path) -> None:
    crs = (
        '<core:engineeringCRS><gml:EngineeringCRS gml:id="local-CRS-1"><gml:engineeringDatum>'
        '<gml:EngineeringDatum><gml:anchorDefinition codeSpace="urn:ogc:def:crs:EPSG::25832">'
        "458868 5438343 112</gml:anchorDefinition></gml:EngineeringDatum></gml:engineeringDatum>"
        "</gml:EngineeringCRS></core:engineeringCRS>"
    )
    text = model(cube(at=(0, 0, 0)), srs="#local-CRS-1", version="2.0")
    text = text.replace("<core:cityObjectMember>", f"{crs}<core:cityObjectMember>", 1)
    reading, batch = only(saved(tmp_path, text))
    assert reading.crs == "EPSG:25832"
    assert batch.meshes[0].vertices.min(axis=0).tolist() == [458868, 5438343, 112]
    assert "local_crs" in codes(reading)
    assert only(saved(tmp_path, text), crs="EPSG:28992")[0].crs == "EPSG:28992"


def test_an_anchor_that_is_no_place_is_none() -> None:
    assert not local("1 2", "EPSG:25832").crs
    assert not local("a b c", "EPSG:25832").crs
    assert not local("1 2 3", "nowhere").crs


def test_what_the_user_says_counts_more_than_the_file(tmp_path: Path) -> None:
    text = model(cube(), srs="EPSG:28992")
    reading, batch = only(saved(tmp_path, text), crs="EPSG:25832", height_datum="NHN")
    assert (reading.crs, reading.crs_source, reading.height_datum) == ("EPSG:25832", "user", "NHN")
    assert np.allclose(batch.meshes[0].vertices.min(axis=0), [500_000, 5_400_000, 100])


def test_a_local_system_stands_where_the_user_says(tmp_path: Path) -> None:
    path = saved(tmp_path, model(cube(at=(0, 0, 0)), srs="#local-CRS-1"))
    options = ReadOptions(anchor="114.34,34.79,72")
    reading = amend.opened(CITYGML, path, options, tmp_path)
    (batch,) = reading
    assert "crs_missing" not in codes(reading)
    assert reading.crs_source == "user"
    assert batch.meshes[0].vertices.min(axis=0).tolist() == [0, 0, 72]


def test_axes_that_the_user_exchanges_are_exchanged_once(tmp_path: Path) -> None:
    path = saved(tmp_path, model(cube(at=(5_400_000, 500_000, 0)), srs="EPSG:25832"))
    options = ReadOptions(swap_axes=True)
    (batch,) = amend.opened(CITYGML, path, options, tmp_path)
    assert batch.objects["geometry"][0].bounds[:2] == (500_000, 5_400_000)
