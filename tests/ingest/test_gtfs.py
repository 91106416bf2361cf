"""Timetables: stops, routes, how often they are served, and feeds that are broken."""

import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import realdata
import shapely

from cim.errors import SourceError
from ingest.catalogue import reader_for
from ingest.reader import Reading, ReadOptions

FEED = {
    "agency": "agency_id,agency_name,agency_url,agency_timezone\nA,城市公交,http://a,Asia/Shanghai\n",
    "stops": (
        "stop_id,stop_name,stop_lat,stop_lon,location_type,parent_station\n"
        "S,总站,34.80,114.30,1,\nA,甲,34.80,114.31,0,S\nB,乙,34.81,114.32,,\nC,丙,34.82,114.33,0,\n"
    ),
    "routes": (
        "route_id,agency_id,route_short_name,route_long_name,route_type\n"
        "1,A,1,甲—丙,3\nM,A,M1,地铁,401\n"
    ),
    "trips": "route_id,service_id,trip_id,shape_id\n1,WD,t1,\n1,WD,t2,\n1,SU,t3,\nM,WD,m,s\n",
    "stop_times": (
        "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n"
        "t1,08:00:00,08:00:00,A,1\nt1,,,B,2\nt1,08:20:00,08:20:00,C,3\n"
        "t2,09:00:00,09:00:00,A,1\nt2,09:10:00,09:10:00,B,2\nt2,09:20:00,09:20:00,C,10\n"
        "t3,25:00:00,25:00:00,A,1\nt3,25:10:00,25:10:00,B,2\n"
        "m,07:00:00,07:00:00,A,1\nm,07:10:00,07:10:00,C,2\n"
    ),
    "calendar": (
        "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n"
        "WD,1,1,1,1,1,0,0,20240101,20240107\nSU,0,0,0,0,0,0,1,20240101,20240107\n"
    ),
    "calendar_dates": "service_id,date,exception_type\nWD,20240101,2\n",
    "shapes": (
        "shape_id,shape_pt_lat,shape_pt_lon,shape_pt_sequence\n"
        "s,34.82,114.33,10\ns,34.80,114.31,2\ns,34.81,114.31,9\n"
    ),
    "frequencies": "trip_id,start_time,end_time,headway_secs\nm,07:00:00,09:00:00,600\n",
}


def zipped(tmp_path: Path, feed: dict[str, str], folder: str = "") -> Path:
    path = tmp_path / "feed.zip"
    with zipfile.ZipFile(path, "w") as packed:
        for name, text in feed.items():
            packed.writestr(f"{folder}{name}.txt", text)
    return path


def read(path: Path, **options: Any) -> tuple[Reading, pd.DataFrame]:
    """The reading and its objects by id."""
    reader = reader_for(path)
    assert reader.name == "gtfs"
    reading = reader.open(path, ReadOptions(**options), path.parent)
    objects = pd.concat([batch.objects for batch in reading])
    return reading, objects.set_index("object_id")


def told(reading: Reading, code: str) -> list[str]:
    return [each.message for each in reading.findings if each.code == code]


def without(*names: str) -> dict[str, str]:
    return {name: text for name, text in FEED.items() if name not in names}


class TestFeed:
    def test_stops_are_furniture_routes_are_services(self, tmp_path: Path) -> None:
        reading, objects = read(zipped(tmp_path, FEED))
        assert objects.groupby(["class", "function"]).size().to_dict() == {
            ("CityObjectGroup", "transit feed"): 1,
            ("CityFurniture", "transit stop"): 3,
            ("GenericLogicalSpace", "transit station"): 1,
            ("GenericLogicalSpace", "bus route"): 1,
            ("GenericLogicalSpace", "metro route"): 1,
        }
        assert (reading.crs, reading.crs_source) == ("EPSG:4326", "format")
        assert reading.attribution == "城市公交"
        assert objects.loc["stop/A", "parent_id"] == "stop/S"
        assert objects.loc["stop/A", "geometry"].equals(shapely.Point(114.31, 34.80))

    def test_a_folder_is_read_like_a_zip_file(self, tmp_path: Path) -> None:
        folder = tmp_path / "unpacked"
        folder.mkdir()
        for name, text in FEED.items():
            (folder / f"{name}.txt").write_text(text, "utf-8")
        _, unpacked = read(folder)
        _, packed = read(zipped(tmp_path, FEED, "feed/"))
        assert unpacked.index.tolist() == packed.index.tolist()

    def test_trips_are_means_over_the_days_of_the_calendar(self, tmp_path: Path) -> None:
        _, objects = read(zipped(tmp_path, FEED))
        known = objects.loc["route/1", "attributes"]
        # two trips on four of five weekdays: Monday is a holiday
        assert (known["trips_weekday"], known["trips_saturday"]) == (1.6, 0.0)
        assert known["trips_sunday"] == 1.0
        assert known["last_departure"] == 25.0
        assert (known["service_from"], known["service_to"]) == ("2024-01-01", "2024-01-07")
        assert known["agency_name"] == "城市公交"

    def test_headways_repeat_a_trip(self, tmp_path: Path) -> None:
        _, objects = read(zipped(tmp_path, FEED))
        known = objects.loc["route/M", "attributes"]
        assert known["trips_weekday"] == pytest.approx(12 * 0.8)
        assert known["headway_weekday_min"] == pytest.approx(720 / 9.6)
        assert known["last_departure"] == pytest.approx(8 + 50 / 60, abs=1e-3)

    def test_nobody_departs_where_a_trip_ends(self, tmp_path: Path) -> None:
        _, objects = read(zipped(tmp_path, FEED))
        assert objects.loc["stop/A", "attributes"]["departures_weekday"] == pytest.approx(11.2)
        assert objects.loc["stop/B", "attributes"]["departures_weekday"] == pytest.approx(1.6)
        assert "departures_weekday" not in objects.loc["stop/C", "attributes"]
        assert objects.loc["stop/B", "attributes"]["routes"] == ["1"]

    def test_a_time_that_is_not_given_lies_between_its_neighbours(self, tmp_path: Path) -> None:
        _, objects = read(zipped(tmp_path, FEED))
        first = objects.loc["stop/B", "attributes"]["first_departure"]
        assert first == pytest.approx(8 + 10 / 60, abs=1e-3)

    def test_lines_are_shapes_or_else_sequences_of_stops(self, tmp_path: Path) -> None:
        _, objects = read(zipped(tmp_path, FEED))
        metro, bus = objects.loc["route/M"], objects.loc["route/1"]
        assert metro["attributes"]["geometry_from"] == "shapes"
        points = [(114.31, 34.80), (114.31, 34.81), (114.33, 34.82)]
        assert shapely.get_coordinates(metro["geometry"]).tolist() == [list(p) for p in points]
        assert bus["attributes"]["geometry_from"] == "sequence of stops"
        assert len(shapely.get_parts(bus["geometry"])) == 2  # t1 and t2 have the same

    def test_the_rest_is_kept_with_the_feed(self, tmp_path: Path) -> None:
        _, objects = read(zipped(tmp_path, FEED))
        kept = objects.loc["feed", "attributes"]
        assert kept["agency"][0]["agency_timezone"] == "Asia/Shanghai"
        assert len(kept["calendar"]) == 2


class TestBrokenFeed:
    def test_without_stops_it_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match=r"stops\.txt is missing"):
            read(zipped(tmp_path, without("stops")))

    def test_without_times_there_are_stops_and_a_warning(self, tmp_path: Path) -> None:
        reading, objects = read(zipped(tmp_path, without("stop_times", "frequencies")))
        assert {"stop/A", "stop/B", "stop/C", "stop/S"} <= set(objects.index)
        assert told(reading, "table_missing") == [
            "stop_times.txt is missing: stops are read, but not how often they are served"
        ]

    def test_missing_column_is_named(self, tmp_path: Path) -> None:
        feed = FEED | {"trips": "route_id,trip_id\n1,t1\n"}
        with pytest.raises(SourceError, match=r"trips\.txt has no column service_id"):
            read(zipped(tmp_path, feed))

    def test_references_to_what_is_not_there_are_counted(self, tmp_path: Path) -> None:
        times = FEED["stop_times"] + "t1,08:30:00,08:30:00,X,4\nt9,08:30:00,08:30:00,A,1\n"
        reading, _ = read(zipped(tmp_path, FEED | {"stop_times": times}))
        assert told(reading, "reference_broken") == [
            "rows of stop_times.txt whose stop_id is not in stops.txt: 1, such as 'X'",
            "rows of stop_times.txt whose trip_id is not in trips.txt: 1, such as 't9'",
        ]

    def test_stop_without_place_or_with_a_taken_id_is_rejected(self, tmp_path: Path) -> None:
        stops = FEED["stops"] + "D,丁,,,0,\nE,戊,0,0,0,\nA,again,34.8,114.3,0,\n"
        reading, objects = read(zipped(tmp_path, FEED | {"stops": stops}))
        assert [(each.object, each.code) for each in reading.rejected] == [
            ("stop/D", "no_coordinates"),
            ("stop/E", "no_coordinates"),
            ("stop/A", "duplicate_id"),
        ]
        assert objects.index.is_unique

    def test_chinese_feed_that_is_not_utf8_is_told(self, tmp_path: Path) -> None:
        folder = tmp_path / "gbk"
        folder.mkdir()
        for name, text in FEED.items():
            (folder / f"{name}.txt").write_text(text, "gb18030")
        names = "\n".join(f"X{i},大梁路第{i}号公共汽车站,34.8,114.3,0," for i in range(30))
        (folder / "stops.txt").write_text(FEED["stops"] + names, "gb18030")
        reading, objects = read(folder, encoding="GB18030")
        assert objects.loc["stop/A", "name"] == "甲"
        assert told(reading, "encoding_detected")

    def test_half_a_zip_file_is_refused(self, tmp_path: Path) -> None:
        path = zipped(tmp_path, FEED)
        path.write_bytes(path.read_bytes()[:-60])
        with pytest.raises(SourceError):
            reader_for(path)


@realdata.real
def test_cairns_has_its_known_facts() -> None:
    reading, objects = read(realdata.path("network/gtfs/cairns_gtfs.zip"))
    stops = objects[objects["function"] == "transit stop"]
    assert len(stops) == 416
    assert (objects["function"] == "bus route").sum() == 22
    bounds = shapely.total_bounds(list(stops["geometry"]))
    assert bounds == pytest.approx([145.662903, -17.104062, 145.78647, -16.743472], abs=1e-6)
    assert not reading.rejected
    trips = [objects.loc[each, "attributes"] for each in objects.index if each.startswith("route/")]
    assert all(each["geometry_from"] == "shapes" for each in trips)


@realdata.real
def test_sample_feed_has_its_known_facts() -> None:
    _, objects = read(realdata.path("network/gtfs/sample_gtfs.zip"))
    assert (objects["class"] == "CityFurniture").sum() == 9
    assert (objects["function"] == "bus route").sum() == 5
    shuttle = objects.loc["route/STBA", "attributes"]
    assert shuttle["trips_sunday"] == 32  # every half an hour from 6 to 22
    assert shuttle["headway_weekday_min"] == pytest.approx(30, abs=0.1)
    stops = [each for each in objects["geometry"] if shapely.get_type_id(each) == 0]
    bounds = shapely.total_bounds(stops)
    assert bounds == pytest.approx([-117.133162, 36.425288, -116.40094, 36.915682], abs=1e-6)
