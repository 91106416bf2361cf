"""From files to city: what is counted, what is refused, and that nothing is ever half there."""

import csv
import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from feature_files import KAIFENG, frame, geojson, square, without_crs
from pyproj import Transformer
from rasterio.transform import from_origin
from untouched import check_leaves_nothing, check_ledger, check_refusal, check_sound, trace

from cim import geodesy
from cim.errors import BusyError, CimError, InputError, SchemaError, SourceError, StoreError
from cim.model import Batch, Dataset, Finding, Rejection
from cim.store import Delivery, Store, create_city
from ingest import LoadReport, PartlyLoadedError, Progress, Reading, ReadOptions, load_files
from ingest import one_dataset as pipeline
from ingest.reader import Reader

CITY = "EPSG:4547"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with create_city(str(tmp_path / "city"), CITY, height_datum="EPSG:5737") as made:
        yield made


def houses(path: Path, count: int = 4, **more: Any) -> Path:
    """Squares in Kaifeng called h0, h1 …"""
    columns = {"id": [f"h{at}" for at in range(count)], **more}
    table = frame(columns)
    table.to_file(path) if path.suffix != ".parquet" else table.to_parquet(path)
    return path


def points(path: Path, places: Any, crs: str, **columns: Any) -> Path:
    shapes = [shapely.Point(*each) for each in places]
    names = {"id": [f"p{at}" for at in range(len(shapes))], **columns}
    gpd.GeoDataFrame(pd.DataFrame(names), geometry=shapes, crs=crs).to_file(path)
    return path


def terrain(path: Path, level: float = 70.0, lon: float = KAIFENG[0]) -> Path:
    """Four by four pixels in Kaifeng."""
    with rasterio.open(
        path, "w", driver="GTiff", count=1, width=4, height=4, dtype="float32",
        crs="EPSG:4326", transform=from_origin(lon, KAIFENG[1], 0.001, 0.001),
    ) as target:  # fmt: skip
        target.write(np.full((1, 4, 4), level, "float32") + np.arange(4, dtype="float32"))
    return path


def load(store: Store, *files: Path, **options: Any) -> LoadReport:
    """The report of the only data set that these files make."""
    (*_, report) = load_files(store, files, **options)
    return report


def refusal(store: Store, file: Path, **options: Any) -> CimError:
    """The error with which `file` is refused; nothing has changed then."""
    before = trace(store)
    with pytest.raises(CimError) as caught:
        load_files(store, [file], **options)
    assert trace(store) == before
    check_leaves_nothing(store)
    check_refusal(caught.value, file)
    return caught.value


def kept(store: Store) -> pd.DataFrame:
    return store.select().objects.set_index("object_id")


def codes(report: LoadReport) -> set[str]:
    return {each.code for each in report.findings}


class TestCounts:
    def test_of_a_first_load(self, store: Store, tmp_path: Path) -> None:
        report = load(store, houses(tmp_path / "houses.geojson"))
        assert (report.read, report.new, report.changed, report.same) == (4, 4, 0, 0)
        assert (report.file, report.dataset, report.reader) == (
            "houses.geojson",
            "houses",
            "vector",
        )
        assert report.load == store.loads()[0]["load"]
        assert (store.version(), store.info().classes) == (1, {"Building": 4})
        check_sound(store, [report])

    def test_of_new_changed_same_and_ended(self, store: Store, tmp_path: Path) -> None:
        path = houses(tmp_path / "houses.geojson", height=[3, 4, 5, 6])
        load(store, path)
        table = gpd.read_file(path).iloc[1:]
        table.loc[table["id"] == "h1", "height"] = 9
        extra = table.iloc[[-1]].assign(id="h9")
        pd.concat([table, extra]).to_file(path)
        report = load(store, path)
        assert (report.read, report.new, report.changed, report.same, report.ended) == (
            4,
            1,
            1,
            2,
            1,
        )
        assert set(kept(store).index) == {"h1", "h2", "h3", "h9"}
        check_sound(store, [report])

    def test_of_rejections_too(self, store: Store, tmp_path: Path) -> None:
        path = geojson(
            tmp_path / "mixed.geojson",
            [
                (square(*KAIFENG), {"key": "good"}),
                (square(*KAIFENG), {"key": "twice"}),
                (square(*KAIFENG), {"key": "twice"}),
                (None, {"key": "bare"}),
                (shapely.LineString([KAIFENG, KAIFENG]), {"key": "point-like"}),
                (shapely.Point(0, 0), {"key": "null island"}),
            ],
        )
        report = load(store, path, options=ReadOptions(id_field="key"))
        found = {each.object: each.code for each in report.rejected}
        assert found == {
            "twice": "duplicate_id",
            "3": "no_geometry",
            "point-like": "no_extent",
            "null island": "outside_crs",
        }
        assert (report.read, report.new) == (6, 2)
        assert store.loads()[0]["rejected_count"] == 4
        check_sound(store, [report])

    def test_of_a_raster(self, store: Store, tmp_path: Path) -> None:
        report = load(store, terrain(tmp_path / "dem.tif"))
        assert (report.read, report.new, store.info().coverages) == (1, 1, 1)
        check_sound(store, [report])

    def test_progress_grows_to_the_total(self, store: Store, tmp_path: Path) -> None:
        steps: list[Progress] = []
        load(store, houses(tmp_path / "houses.gpkg"), progress=steps.append)
        assert [(each.stage, each.done, each.total) for each in steps] == [
            ("reading", 4, 4),
            ("finishing", 0, None),
        ]


class TestDryRun:
    @pytest.mark.parametrize("make", [houses, terrain])
    def test_changes_nothing_and_tells_the_same(
        self, store: Store, tmp_path: Path, make: Callable[[Path], Path]
    ) -> None:
        path = make(tmp_path / ("x.tif" if make is terrain else "x.gpkg"))
        before = trace(store)
        tried = load(store, path, dry_run=True)
        assert trace(store) == before
        assert (tried.dry_run, tried.load) == (True, None)
        done = load(store, path)
        assert (tried.read, tried.new) == (done.read, done.new)

    def test_of_what_is_loaded_says_so(self, store: Store, tmp_path: Path) -> None:
        path = houses(tmp_path / "x.gpkg")
        load(store, path)
        report = load(store, path, dry_run=True)
        assert (report.dry_run, report.new, report.same) == (True, 0, 4)


class TestLoadingAgain:
    def test_the_same_bytes_are_not_read(
        self, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rows = [(square(*KAIFENG), {"id": "a"}), (None, {"id": "b"})]
        path = geojson(tmp_path / "x.geojson", rows)
        first = load(store, path)
        before = trace(store)
        monkeypatch.setattr(Store, "load", None)
        report = load(store, path)
        assert (report.read, report.same, report.rejected) == (2, 1, first.rejected)
        assert (report.load, codes(report)) == (None, {"identical"})
        check_ledger(report)
        assert trace(store) == before

    @pytest.mark.parametrize("suffix", [".gpkg", ".fgb", ".parquet", ".csv"])
    def test_the_same_objects_in_other_bytes_change_nothing(
        self, store: Store, tmp_path: Path, suffix: str
    ) -> None:
        path = tmp_path / f"x{suffix}"
        if suffix == ".csv":
            path.write_text("id,lon,lat,height\na,114.3,34.79,3\nb,114.31,34.79,\n")
        else:
            houses(path, height=[3.5, 4.0, None, 6.0], name=["甲", "乙", "丙", None])
        first = load(store, path)
        before = trace(store)
        if suffix == ".csv":
            path.write_text("id,lon,lat,height\nb,114.31,34.79,\na,114.3,34.79,3\n")
        else:
            table = gpd.read_parquet(path) if suffix == ".parquet" else gpd.read_file(path)
            path.unlink()
            table = table.iloc[::-1]
            table.to_parquet(path) if suffix == ".parquet" else table.to_file(path)
        report = load(store, path)
        assert (report.new, report.changed, report.same) == (0, 0, first.new)
        assert trace(store) == before

    def test_a_changed_sidecar_is_noticed(self, store: Store, tmp_path: Path) -> None:
        path = tmp_path / "p[1].shp"  # brackets mean something to a search for files
        points(path, [(513_000.0, 3_850_000.0)], "EPSG:4547")
        load(store, path)
        path.with_suffix(".prj").write_text(geodesy.named_crs("EPSG:4549").to_wkt("WKT1_ESRI"))
        assert "outside the area" in str(refusal(store, path))

    def test_keep_absent_keeps_and_its_absence_ends(self, store: Store, tmp_path: Path) -> None:
        load(store, houses(tmp_path / "a.geojson"), name="h")
        part = houses(tmp_path / "b.geojson", 2)
        report = load(store, part, name="h", keep_absent=True)
        assert (report.same, report.ended, len(kept(store))) == (2, 0, 4)
        report = load(store, part, name="h")
        assert (report.same, report.ended, len(kept(store))) == (2, 2, 2)

    def test_after_an_undo_everything_is_new_again(self, store: Store, tmp_path: Path) -> None:
        path = houses(tmp_path / "x.gpkg")
        store.undo(load(store, path).load or 0)
        assert load(store, path).new == 4

    def test_a_raster_that_changed_replaces_the_earlier_one(
        self, store: Store, tmp_path: Path
    ) -> None:
        load(store, terrain(tmp_path / "dem.tif"))
        report = load(store, terrain(tmp_path / "dem.tif", level=71.0))
        assert (report.changed, store.info().coverages) == (1, 1)
        assert store.check() == []


class TestSeveralFiles:
    def test_under_one_name_are_one_delivery(self, store: Store, tmp_path: Path) -> None:
        one = houses(tmp_path / "one.geojson", 2)
        two = points(tmp_path / "two.gpkg", [KAIFENG] * 3, "EPSG:4326")
        reports = load_files(store, [one, two], name="both")
        assert [(each.file, each.read, each.new) for each in reports] == [
            ("one.geojson", 2, 2),
            ("two.gpkg", 3, 3),
        ]
        assert len(store.loads()) == 1
        again = load_files(store, [one, two], name="both")
        assert [(each.read, each.same) for each in again] == [(2, 2), (3, 3)]
        reports = load_files(store, [two], name="both")
        assert (reports[0].same, reports[0].ended) == (3, 2)
        check_sound(store, reports)

    def test_without_ids_do_not_take_each_other_for_the_same(
        self, store: Store, tmp_path: Path
    ) -> None:
        west = geojson(tmp_path / "west.geojson", [(square(*KAIFENG), {})] * 2)
        east = geojson(tmp_path / "east.geojson", [(square(114.4, 34.8), {})] * 3)
        reports = load_files(store, [west, east], name="tiles")
        assert [each.new for each in reports] == [2, 3]
        assert set(kept(store).index) == {"west.0", "west.1", "east.0", "east.1", "east.2"}

    def test_of_one_name_in_two_folders_are_told_apart(self, store: Store, tmp_path: Path) -> None:
        paths = []
        for name in ("north", "south"):
            (tmp_path / name).mkdir()
            paths.append(
                geojson(tmp_path / name / "roads.geojson", [(square(*KAIFENG), {"a": name})])
            )
        reports = load_files(store, paths)
        assert [(each.dataset, each.new) for each in reports] == [("roads", 1), ("roads", 1)]
        assert set(kept(store).index) == {"north/roads.0", "south/roads.0"}

    def test_of_one_data_set_need_not_stand_together(self, store: Store, tmp_path: Path) -> None:
        (tmp_path / "more").mkdir()
        first = houses(tmp_path / "h.geojson", 2)
        other = points(tmp_path / "p.gpkg", [KAIFENG], "EPSG:4326")
        last = geojson(tmp_path / "more" / "h.geojson", [(square(*KAIFENG), {"id": "z"})])
        load_files(store, [first, other, last])
        assert {"h0", "h1", "z"} <= set(kept(store).index)

    def test_with_the_same_object_reject_the_second(self, store: Store, tmp_path: Path) -> None:
        reports = load_files(
            store,
            [houses(tmp_path / "a.geojson", 2), houses(tmp_path / "b.geojson", 3)],
            name="h",
        )
        assert [(each.new, len(each.rejected)) for each in reports] == [(2, 0), (1, 2)]
        again = load_files(store, [tmp_path / "a.geojson", tmp_path / "b.geojson"], name="h")
        assert [(each.same, len(each.rejected)) for each in again] == [(2, 0), (1, 2)]
        check_sound(store, again)

    def test_of_rasters_are_all_kept(self, store: Store, tmp_path: Path) -> None:
        tiles = [terrain(tmp_path / "w.tif"), terrain(tmp_path / "e.tif", lon=KAIFENG[0] + 0.004)]
        load_files(store, tiles, name="dem")
        assert {each.name for each in store.coverages()} == {"dem/w", "dem/e"}

    def test_one_broken_refuses_the_data_set_whole(self, store: Store, tmp_path: Path) -> None:
        broken = tmp_path / "b.geojson"
        broken.write_text('{"type": "FeatureCollection"')
        before = trace(store)
        files = [terrain(tmp_path / "dem.tif"), houses(tmp_path / "a.gpkg"), broken]
        with pytest.raises(SourceError, match=r"^b\.geojson: ") as caught:
            load_files(store, files, name="all")
        assert trace(store) == before
        check_leaves_nothing(store)
        check_refusal(caught.value, broken)

    def test_one_broken_leaves_the_other_data_sets_their_chance(
        self, store: Store, tmp_path: Path
    ) -> None:
        broken = tmp_path / "b.geojson"
        broken.write_text("{")
        nowhere = without_crs(tmp_path / "c.shp", frame({"id": ["x"]}))
        good = [houses(tmp_path / "a.gpkg"), terrain(tmp_path / "dem.tif")]
        with pytest.raises(PartlyLoadedError) as caught:
            load_files(store, [good[0], broken, nowhere, good[1]])
        error = caught.value
        assert [each.dataset for each in error.reports] == ["a", "dem"]
        assert list(error.failures) == ["b", "c"]
        assert "2 of 4 data sets were not loaded: b.geojson: " in str(error)
        assert "; c.shp: the file does not say which coordinate system" in str(error)
        assert sum(store.info().classes.values()) == 4
        check_sound(store, list(error.reports))

    def test_a_missing_one_is_noticed_before_anything_is_loaded(
        self, store: Store, tmp_path: Path
    ) -> None:
        before = trace(store)
        files = [houses(tmp_path / "a.gpkg"), tmp_path / "b.shp", tmp_path / "c.tif"]
        with pytest.raises(SourceError, match=r"b\.shp, .*c\.tif: no such file"):
            load_files(store, files)
        assert trace(store) == before

    def test_when_the_store_fails_what_came_before_is_told(
        self, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put = pipeline._put_coverages

        def full(task: Any, opened: Any, *rest: Any) -> int:
            if task.dataset == "b":
                raise OSError(errno.ENOSPC, "No space left on device")
            return put(task, opened, *rest)

        monkeypatch.setattr(pipeline, "_put_coverages", full)
        files = [houses(tmp_path / f"{name}.gpkg") for name in "abc"]
        with pytest.raises(StoreError, match=r"b\.gpkg: the disk is full .*loaded before it: a"):
            load_files(store, files)
        assert [each["dataset"] for each in store.datasets()] == ["a"]
        assert store.check() == []


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


class TestRejects:
    def test_are_written_with_how_they_began(self, store: Store, tmp_path: Path) -> None:
        rows = [(square(*KAIFENG), {"id": "a"}), (shapely.Point(0, 0), {"id": "甲"})]
        path, listed = geojson(tmp_path / "x.geojson", rows), tmp_path / "rejected.csv"
        load(store, path, rejects=listed)
        (row,) = rows_of(listed)
        assert (row["file"], row["object"], row["code"]) == ("x.geojson", "甲", "outside_crs")
        assert row["raw"] == "POINT (0 0)"

    def test_are_written_when_nothing_else_is_left(self, store: Store, tmp_path: Path) -> None:
        path = geojson(tmp_path / "x.geojson", [(None, {"id": at}) for at in range(3)])
        listed = tmp_path / "rejected.csv"
        refusal(store, path, rejects=listed)
        assert [each["object"] for each in rows_of(listed)] == ["0", "1", "2"]

    def test_that_cannot_be_written_refuse_the_load(self, store: Store, tmp_path: Path) -> None:
        before = trace(store)
        with pytest.raises(InputError, match="cannot write what is rejected"):
            load(store, houses(tmp_path / "a.gpkg"), rejects=tmp_path / "none" / "x.csv")
        assert trace(store) == before


TRUE = np.array([[114.30, 34.79], [114.36, 34.82], [114.41, 34.75]])
"""Longitude and latitude in CGCS2000."""


def in_city(lonlat: Any) -> np.ndarray:
    return np.column_stack(
        Transformer.from_crs(4490, CITY, always_xy=True).transform(*np.asarray(lonlat).T)
    )


def places(store: Store) -> np.ndarray:
    return shapely.get_coordinates(store.select().objects.sort_values("object_id").geometry)


class TestWhereItIs:
    def test_nobody_says(self, store: Store, tmp_path: Path) -> None:
        path = without_crs(tmp_path / "x.shp", frame({"id": ["a"]}))
        error = refusal(store, path)
        assert "does not say which coordinate system" in error.problem
        assert "EPSG:4490" in error.hint

    def test_the_user_says_what_nobody_knows(self, store: Store, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match="unknown coordinate system 'EPSG:99999'"):
            load(store, houses(tmp_path / "a.gpkg"), options=ReadOptions(crs="EPSG:99999"))
        assert store.version() == 0

    @pytest.mark.parametrize(
        ("stated", "said", "problem"),
        [
            ("EPSG:4326", "EPSG:28992", "look like degrees, but Amersfoort"),
            ("EPSG:4547", "EPSG:4326", "are not degrees, but the CRS is WGS 84"),
        ],
    )
    def test_the_user_says_something_wrong(
        self, store: Store, tmp_path: Path, stated: str, said: str, problem: str
    ) -> None:
        there = TRUE if stated == "EPSG:4326" else in_city(TRUE)
        path = points(tmp_path / "x.gpkg", there, stated)
        assert problem in refusal(store, path, options=ReadOptions(crs=said)).problem

    def test_metres_of_another_country_are_too_far_away(self, store: Store, tmp_path: Path) -> None:
        path = points(tmp_path / "x.gpkg", [(85_000.0, 446_000.0)], "EPSG:28992")
        error = refusal(store, path)
        assert "it lies at 4.3" in error.problem
        assert "--crs" in error.hint

    def test_a_raster_of_another_country_is_too_far_away(
        self, store: Store, tmp_path: Path
    ) -> None:
        assert "outside the area" in str(refusal(store, terrain(tmp_path / "dem.tif", lon=4.3)))

    @pytest.mark.parametrize("crs", ["EPSG:3832", "EPSG:3460"])
    def test_a_city_on_the_date_line_takes_what_is_there(self, tmp_path: Path, crs: str) -> None:
        fiji = [(178.44, -18.14), (-179.99, -16.7), (179.99, -16.7)]
        path = points(tmp_path / "x.gpkg", fiji, "EPSG:4326")
        with create_city(str(tmp_path / "fiji"), crs) as store:
            assert load(store, path).new == 3
        paris = points(tmp_path / "paris.gpkg", [(2.35, 48.86)], "EPSG:4326")
        with create_city(str(tmp_path / "other"), crs) as store:
            refusal(store, paris)

    def test_offset_maps_land_on_the_truth(self, store: Store, tmp_path: Path) -> None:
        for name, forward in (
            ("GCJ-02", geodesy.gcj02_from_wgs84),
            ("BD-09", geodesy.bd09_from_wgs84),
        ):
            shifted = np.column_stack(forward(*TRUE.T))
            assert np.hypot(*((shifted - TRUE) * [91_000, 111_000]).T).min() > 300
            path = points(tmp_path / f"{name}.gpkg", shifted, "EPSG:4326")
            report = load(store, path, name="x", options=ReadOptions(crs=name))
            assert (report.crs, report.crs_source) == (name, "user")
            assert np.abs(places(store) - in_city(TRUE)).max() < 0.1

    def test_an_easting_with_its_zone_is_suggested_and_taken(
        self, store: Store, tmp_path: Path
    ) -> None:
        x, y = Transformer.from_crs(4490, 4526, always_xy=True).transform(*TRUE.T)
        assert (x > 38_000_000).all()
        table = gpd.GeoDataFrame({"id": ["p0", "p1", "p2"]}, geometry=gpd.points_from_xy(x, y))
        path = without_crs(tmp_path / "x.shp", table)
        assert "the zone prefix of EPSG:4526" in refusal(store, path).hint
        load(store, path, options=ReadOptions(crs="EPSG:4526"))
        assert np.abs(places(store) - in_city(TRUE)).max() < 0.001

    def test_strays_are_rejected_and_the_rest_is_kept(self, store: Store, tmp_path: Path) -> None:
        path = points(tmp_path / "x.gpkg", [KAIFENG, (0, 0), (14.3, 34.8)], "EPSG:4326")
        report = load(store, path)
        assert {each.object for each in report.rejected} == {"p1", "p2"}
        west, south, east, north = store.info().bbox or (0, 0, 0, 0)
        assert (west, south, east, north) == pytest.approx((*KAIFENG, *KAIFENG))
        check_sound(store, [report])

    def test_z_is_kept(self, store: Store, tmp_path: Path) -> None:
        bow_tie = [(0, 0, 7), (2e-3, 2e-3, 7), (2e-3, 0, 7), (0, 2e-3, 7)]
        shapes = [
            shapely.Point(*KAIFENG, 71.5),
            shapely.LineString([(*KAIFENG, -3.0), (114.31, 34.79, -4.5)]),
            shapely.Polygon([(KAIFENG[0] + x, KAIFENG[1] + y, z) for x, y, z in bow_tie]),
        ]
        path = tmp_path / "x.gpkg"
        gpd.GeoDataFrame({"id": list("abc")}, geometry=shapes, crs=4326).to_file(path)
        load(store, path)
        found = kept(store).geometry
        assert found["a"].z == 71.5
        assert [each[2] for each in found["b"].coords] == [-3.0, -4.5]
        assert set(shapely.get_coordinates(found["c"], include_z=True)[:, 2]) == {7.0}

    def test_another_height_datum_is_told(self, store: Store, tmp_path: Path) -> None:
        path = houses(tmp_path / "x.gpkg")
        report = load(store, path, options=ReadOptions(height_datum="EPSG:3855"))
        assert "height_datum" in codes(report)
        report = load(store, path, name="y", options=ReadOptions(height_datum="EPSG:5737"))
        assert "height_datum" not in codes(report)


BOW_TIE = shapely.Polygon([KAIFENG, (114.302, 34.792), (114.302, 34.79), (114.30, 34.792), KAIFENG])


class TestWhatItHolds:
    def test_polygons_that_cross_themselves_are_repaired_and_told(
        self, store: Store, tmp_path: Path
    ) -> None:
        rows = [(BOW_TIE, {"id": "a"}), (shapely.GeometryCollection([BOW_TIE]), {"id": "b"})]
        report = load(store, geojson(tmp_path / "x.geojson", rows))
        assert "repaired" in codes(report)
        plain = in_city(shapely.get_coordinates(BOW_TIE))
        whole = shapely.box(*plain.min(axis=0), *plain.max(axis=0)).area
        assert kept(store).geometry["a"].area == pytest.approx(whole / 2, rel=0.01)
        check_sound(store, [report])

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300, 1e12])
    def test_coordinates_without_meaning_are_rejected(
        self, store: Store, tmp_path: Path, bad: float
    ) -> None:
        with np.errstate(invalid="ignore"):
            shapes = [
                shapely.LineString([(500_000, 3_850_000), (500_010, 3_850_000)]),
                shapely.LineString([(500_000, 3_850_000), (bad, 3_850_000)]),
                shapely.Polygon([(500_000, 3_850_000), (500_010, bad), (500_000, 3_850_010)]),
            ]
        path = tmp_path / "x.parquet"
        gpd.GeoDataFrame({"id": list("abc")}, geometry=shapes, crs=CITY).to_parquet(path)
        report = load(store, path)
        assert [each.object for each in report.rejected] == ["b", "c"]
        check_sound(store, [report])

    def test_absurd_numbers_are_unknown_and_told(self, store: Store, tmp_path: Path) -> None:
        rows = [
            (square(*KAIFENG), {"id": "a", "height": 4000, "storeys": 12}),
            (square(*KAIFENG), {"id": "b", "height": -3, "storeys": 4000}),
            (square(*KAIFENG), {"id": "c", "height": 12.5, "storeys": 4}),
        ]
        report = load(store, geojson(tmp_path / "buildings.geojson", rows))
        assert {"absurd_height", "absurd_storeys_above_ground"} <= codes(report)
        found = kept(store)
        assert found["height"].isna().to_dict() == {"a": True, "b": True, "c": False}
        attributes = store.attributes(store.select().objects.index.tolist())
        assert sorted(each.get("height_in_source", 0) for each in attributes.values()) == [
            -3,
            0,
            4000,
        ]

    def test_numbers_and_words_in_one_field_are_read(self, store: Store, tmp_path: Path) -> None:
        heights = [12, "9.5", "unknown", None, "about 7"]
        rows = [(square(*KAIFENG), {"id": str(at), "height": h}) for at, h in enumerate(heights)]
        load(store, geojson(tmp_path / "buildings.geojson", rows))
        assert kept(store)["height"].dropna().to_dict() == {"0": 12.0, "1": 9.5}

    @pytest.mark.parametrize("encoding", ["gb18030", "utf-16"])
    def test_text_that_is_no_utf8_is_read_all_the_same(
        self, store: Store, tmp_path: Path, encoding: str
    ) -> None:
        path = geojson(tmp_path / "x.geojson", [(square(*KAIFENG), {"名称": "开封府"})])
        path.write_bytes(path.read_text().encode("ascii").decode("unicode_escape").encode(encoding))
        report = load(store, path)
        assert "encoding_contradicted" in codes(report)
        assert kept(store)["name"].tolist() == ["开封府"]

    def test_parents_that_are_not_there_are_told(self, store: Store, tmp_path: Path) -> None:
        rows = [
            (square(*KAIFENG), {"id": "whole"}),
            (square(*KAIFENG), {"id": "part", "parent_id": "whole"}),
            (square(*KAIFENG), {"id": "lost", "parent_id": "gone"}),
        ]
        report = load(store, geojson(tmp_path / "x.geojson", rows))
        (told,) = [str(each) for each in report.findings if each.code == "parent_missing"]
        assert "'gone' of 'lost'" in told

    def test_a_part_of_what_was_rejected_is_kept_by_itself(
        self, store: Store, tmp_path: Path
    ) -> None:
        rows = [
            (shapely.Point(0, 0), {"id": "whole"}),
            (square(*KAIFENG), {"id": "part", "parent_id": "whole"}),
        ]
        report = load(store, geojson(tmp_path / "x.geojson", rows))
        assert "parent_rejected" in codes(report)
        check_sound(store, [report])

    def test_a_day_of_validity_is_taken_where_there_is_none(
        self, store: Store, tmp_path: Path
    ) -> None:
        rows = [
            (square(*KAIFENG), {"id": "a", "valid_from": "1999-05-01"}),
            (square(*KAIFENG), {"id": "b"}),
        ]
        path = geojson(tmp_path / "x.geojson", rows)
        load(store, path, options=ReadOptions(valid_from="2024年5月"))
        assert kept(store)["valid_from"].astype(str).to_dict() == {
            "a": "1999-05-01",
            "b": "2024-05-01",
        }


class TestNothingInIt:
    @pytest.mark.parametrize(
        "name",
        ["x.shp", "x.gpkg", "x.geojson", "x.ifc", "x.tif", "x.osm.pbf", "x.csv", "x.parquet",
         "x.city.json", "x.json", "x.zip"],
    )  # fmt: skip
    def test_an_empty_file(self, store: Store, tmp_path: Path, name: str) -> None:
        path = tmp_path / name
        path.touch()
        assert "the file is empty" in refusal(store, path).problem

    @pytest.mark.parametrize("suffix", [".gpkg", ".shp", ".fgb", ".geojson", ".parquet"])
    def test_an_empty_layer(self, store: Store, tmp_path: Path, suffix: str) -> None:
        path = tmp_path / f"x{suffix}"
        empty = frame({"id": ["a"]}).iloc[:0]
        if suffix == ".parquet":
            empty.to_parquet(path)
        elif suffix == ".geojson":
            geojson(path, [])
        else:
            empty.to_file(path, geometry_type="Polygon", engine="pyogrio")
        assert "no features" in refusal(store, path).problem

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("x.dbf", "load x.shp"),
            ("x.dwg", "save it as DXF"),
            ("x.xlsx", "save it again as .xlsx"),
            ("x.rvt", "export the model as IFC"),
            ("x.json", "neither CityJSON nor GeoJSON"),
            ("x.what", "no reader for .what"),
            ("x", "files without a suffix"),
        ],
    )
    def test_a_file_that_is_not_read(
        self, store: Store, tmp_path: Path, name: str, said: str
    ) -> None:
        path = tmp_path / name
        path.write_text('{"a": 1}')
        assert said in str(refusal(store, path))

    def test_a_folder(self, store: Store, tmp_path: Path) -> None:
        (tmp_path / "data").mkdir()
        assert "it is a folder" in str(refusal(store, tmp_path / "data"))

    def test_a_file_whose_name_is_no_utf8(self, store: Store, tmp_path: Path) -> None:
        path = Path(os.fsdecode(os.fsencode(tmp_path) + "/房屋.geojson".encode("gbk")))
        houses(tmp_path / "x.geojson").rename(path)
        with pytest.raises(SourceError, match=r"房屋\.geojson: its name is not written in UTF-8"):
            load(store, path)


BREAKDOWNS = [
    (ZeroDivisionError("inside"), InputError, "ZeroDivisionError: inside"),
    (RecursionError("deep"), InputError, "RecursionError"),
    (MemoryError(), InputError, "more memory than there is"),
    (OSError(errno.EIO, "Input/output error"), InputError, "Input/output error"),
    (OSError(errno.ENOSPC, "No space left on device"), StoreError, "the disk is full"),
    (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), InputError, "UnicodeDecodeError"),
    (SourceError("line 7 is odd"), InputError, "line 7 is odd"),
    (SchemaError("no such thing", where="lod"), InputError, "lod: no such thing"),
]


class TestReadersThatFail:
    """After having handed over objects that were put already."""

    def failing(
        self, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reading: Reading
    ) -> CimError:
        reader = Reader("odd", "Odd", (".odd",), lambda path, options, work: reading)
        monkeypatch.setattr(pipeline, "reader_for", lambda path: reader)
        path = tmp_path / "x.odd"
        path.write_text("x")
        return refusal(store, path)

    @pytest.mark.parametrize(("error", "kind", "said"), BREAKDOWNS)
    def test_leave_nothing_and_are_named(
        self,
        store: Store,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        error: Exception,
        kind: type[CimError],
        said: str,
    ) -> None:
        def batches() -> Iterator[Batch]:
            yield some(3)
            raise error

        load(store, houses(tmp_path / "before.gpkg"))
        caught = self.failing(store, tmp_path, monkeypatch, Reading(CITY, "file", batches()))
        assert isinstance(caught, kind)
        assert said in str(caught)

    def test_with_a_finding_are_believed(
        self, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def batches() -> Iterator[Batch]:
            yield some(3)
            reading.findings.append(Finding("error", "late", "the end is missing", "copy it again"))

        reading = Reading(CITY, "file")
        reading.batches = batches()
        error = self.failing(store, tmp_path, monkeypatch, reading)
        assert (error.problem, error.hint) == ("the end is missing", "copy it again")

    def test_silently_are_refused(
        self, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        error = self.failing(store, tmp_path, monkeypatch, Reading(CITY, "file", ()))
        assert error.problem == "it holds no objects"
        lost = Reading(CITY, "file", (), rejected=[Rejection("a", "odd", "it is odd")] * 2)
        error = self.failing(store, tmp_path, monkeypatch, lost)
        assert "all 2 objects were rejected; the first, a: it is odd" in error.problem

    def test_to_say_where_it_is_are_refused_though_it_shows_late(
        self, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bare = Batch(some(2).objects.drop(columns="geometry"))
        reading = Reading("", "", iter([bare, some(2)]))
        error = self.failing(store, tmp_path, monkeypatch, reading)
        assert "nobody knows its coordinate system" in error.problem


def some(count: int) -> Batch:
    """Points in the city called o0, o1 …"""
    table = {
        "object_id": [f"o{at}" for at in range(count)],
        "class": "CityFurniture",
        "geometry": pd.Series([shapely.Point(513_000, 3_850_000 + at) for at in range(count)]),
    }
    return Batch(pd.DataFrame(table).astype({"geometry": object}))


def test_what_a_killed_load_left_is_removed_by_the_next(store: Store, tmp_path: Path) -> None:
    left = store.folder / "work" / "load-killed"
    left.mkdir(parents=True)
    (left / "big.tif").write_text("x")
    upload = store.folder / "work" / "upload-of-another"
    upload.mkdir()
    load(store, houses(tmp_path / "x.gpkg"))
    assert list((store.folder / "work").iterdir()) == [upload]


def test_while_another_writes_the_load_is_refused(store: Store, tmp_path: Path) -> None:
    path = houses(tmp_path / "x.gpkg")
    with Store(str(store.folder), wait=0.2) as second, store.load(Delivery(Dataset("d"), "f")):
        with pytest.raises(BusyError, match="another process is writing"):
            load_files(second, [path])
        assert not list((store.folder / "work").glob("*"))
    assert load(store, path).new == 4


OPTIONS = [
    ({"class_name": "Biulding"}, "no class 'Biulding'"),
    ({"crs": "Kaifeng grid"}, "unknown coordinate system"),
    ({"encoding": "klingon"}, "no encoding 'klingon'"),
    ({"kind": "terain"}, "did you mean 'terrain'"),
    ({"network": "watr"}, "did you mean 'water'"),
    ({"valid_from": "2024-13-45"}, "'2024-13-45' is no day"),
    ({"layer": "roofs"}, "no layer 'roofs'"),
    ({"id_field": "nr"}, "the file has no field 'nr'"),
    ({"fields": {"hoch": "height"}}, "the file has no field 'hoch'"),
    ({"fields": {"id": "heigth"}}, "did you mean 'height'"),
]


@pytest.mark.parametrize(("given", "said"), OPTIONS)
def test_options_that_cannot_be_meant_are_refused(
    store: Store, tmp_path: Path, given: dict[str, Any], said: str
) -> None:
    before = trace(store)
    with pytest.raises(InputError, match=said):
        load(store, houses(tmp_path / "x.gpkg"), options=ReadOptions(**given))
    assert trace(store) == before


def test_a_dry_run_names_what_it_would_add_change_and_end(tmp_path: Path) -> None:
    def written(names: dict[str, str], path: Path) -> Path:
        rows = [(square(114.30 + 0.01 * ord(each), 34.79), {"id": each, "name": names[each]})
                for each in names]  # fmt: skip
        return geojson(path, rows)

    with create_city(str(tmp_path / "named"), "EPSG:4547") as store:
        first = written({"a": "x", "b": "x", "c": "x"}, tmp_path / "1.geojson")
        assert load_files(store, [first], name="n")[0].names == {"new": ["a", "b", "c"]}
        second = written({"b": "y", "c": "x", "d": "x"}, tmp_path / "2.geojson")
        (report,) = load_files(store, [second], name="n", dry_run=True)
        assert report.names == {"new": ["d"], "changed": ["b"], "ended": ["a"]}
        assert LoadReport.from_dict(report.as_dict()).names == report.names
        assert store.info().classes == {"GenericOccupiedSpace": 3}
