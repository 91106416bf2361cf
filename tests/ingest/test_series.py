"""Time series from files: CSV of many layouts, weather, river gauges, SensorThings."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cities
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import realdata

from cim.errors import ParamError, SourceError
from cim.model import Batch, Dataset
from cim.series import instant, iso
from cim.store import Delivery, Store, create_city
from ingest import load_files
from ingest.catalogue import reader_for
from ingest.doctor import examine
from ingest.reader import ReadOptions
from ingest.report import LoadReport
from ingest.series.times import clock, in_utc, zone
from ingest.series.units import name_and_unit, ucum


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with create_city(str(tmp_path / "c.city"), cities.CRS) as made:
        yield made


def load(store: Store, file: Path, **said: Any) -> LoadReport:
    (report,) = load_files(store, [file], options=ReadOptions(**said))
    assert store.check() == []
    return report


def table(folder: Path, text: str, name: str = "meters.csv", encoding: str = "utf-8") -> Path:
    file = folder / name
    file.write_text(text, encoding=encoding)
    return file


def told(store: Store) -> dict[str, tuple[str, str, list[str], list[float | None]]]:
    """Datastream → property, unit, times, results."""
    found = {}
    for each in store.datastreams():
        times, results = store.observations(each["datastream"])
        plain = [None if np.isnan(value) else value for value in results.tolist()]
        found[each["datastream_id"]] = (
            each["observed_property"], each["unit"], [iso(time)[:16] for time in times], plain,
        )  # fmt: skip
    return found


def codes(report: LoadReport) -> set[str]:
    return {each.code for each in report.findings}


WIDE = """time,power [kW],water(m³/h),state
2024-05-01T00:00Z,1.5,2,on
2024-05-01T01:00Z,-,3,off
2024-05-01T02:00Z,2.5,-9999,on
2024-05-01T03:00Z,3.5,4,on
"""


def test_columns_are_datastreams_with_units_of_their_names(store: Store, tmp_path: Path) -> None:
    report = load(store, table(tmp_path, WIDE))
    hours = [f"2024-05-01T0{hour}:00" for hour in range(4)]
    assert told(store) == {
        "meters/power": ("power", "kW", hours, [1.5, None, 2.5, 3.5]),
        "meters/water": ("water", "m3/h", hours, [2.0, 3.0, None, 4.0]),
        "meters/state": ("state", "", hours, [0.0, 1.0, 0.0, 0.0]),
    }
    assert store.datastreams()[2]["categories"] == ["on", "off"]
    (station,) = store.select().objects.to_dict("records")
    assert (station["object_id"], station["class"]) == ("meters", "GenericLogicalSpace")
    assert (report.datastreams, report.observations, report.read) == (3, 12, 1)
    assert {"series_read", "no_data_marks", "results_missing"} <= codes(report)
    assert "time_zone_unknown" not in codes(report)


def test_the_same_file_again_changes_nothing_and_another_replaces(
    store: Store, tmp_path: Path
) -> None:
    load(store, table(tmp_path, WIDE))
    before = store.version()
    load(store, table(tmp_path, WIDE + "\n"))
    assert store.version() == before
    load(store, table(tmp_path, WIDE.replace("1.5", "9")))
    assert told(store)["meters/power"][3][0] == 9
    store.undo(2)
    assert told(store)["meters/power"][3][0] == 1.5


def test_long_table_has_a_datastream_for_each_station_and_property(
    store: Store, tmp_path: Path
) -> None:
    rows = [
        f"{station},{name},{unit},2024-05-0{day} 08:00,{value + day}"
        for day in (1, 2)
        for station in ("S1", "S2")
        for name, unit, value in (("PM2.5", "ug/m3", 30), ("temperature", "℃", 10))
    ]
    file = table(tmp_path, "station_id,parameter,unit,time,value\n" + "\n".join(rows))
    report = load(store, file, time_zone="UTC")
    days = ["2024-05-01T08:00", "2024-05-02T08:00"]
    assert told(store) == {
        "S1/PM2.5": ("PM2.5", "ug/m3", days, [31.0, 32.0]),
        "S1/temperature": ("temperature", "Cel", days, [11.0, 12.0]),
        "S2/PM2.5": ("PM2.5", "ug/m3", days, [31.0, 32.0]),
        "S2/temperature": ("temperature", "Cel", days, [11.0, 12.0]),
    }
    assert report.new == 2


def test_chinese_table_in_gbk_with_places(store: Store, tmp_path: Path) -> None:
    rows = [
        f"{station},{name},{lon},34.8,2024年5月1日 {hour}时00分,{hour},{hour / 10}"
        for hour in (8, 9)
        for station, name, lon in (("A1", "西站", 114.33), ("A2", "东站", 114.35))
    ]
    head = "站点编号,站点名称,经度,纬度,监测时间,PM2.5(μg/m³),湿度[%]"
    file = table(tmp_path, "\n".join([head, *rows]), encoding="GB18030")
    report = load(store, file, encoding="GB18030")
    objects = store.select().objects.set_index("object_id")
    assert objects["name"].to_dict() == {"A1": "西站", "A2": "东站"}
    assert set(objects["class"]) == {"CityFurniture"}
    assert objects.geometry["A2"].x - objects.geometry["A1"].x == pytest.approx(1831, abs=20)
    midnight = ["2024-05-01T00:00", "2024-05-01T01:00"]
    assert told(store)["A1/PM2.5"] == ("PM2.5", "ug/m3", midnight, [8.0, 9.0])
    assert told(store)["A2/湿度"][1] == "%"
    (zone_finding,) = [each for each in report.findings if each.code == "time_zone_unknown"]
    assert zone_finding.fix == {"time_zone": "+08:00"}


def test_decimal_commas_behind_semicolons(store: Store, tmp_path: Path) -> None:
    text = "Zeit;time;flow [l/s]\na;01.05.2024 00:00;1,25\na;01.05.2024 01:00;2,5\n"
    load(store, table(tmp_path, text), time_zone="Europe/Berlin")
    ((_, unit, times, results),) = [each for each in told(store).values() if each[0] == "flow"]
    assert (unit, times, results) == (
        "L/s", ["2024-04-30T22:00", "2024-04-30T23:00"], [1.25, 2.5],
    )  # fmt: skip


def test_repeats_gaps_and_unreadable_times_are_told(store: Store, tmp_path: Path) -> None:
    hours = (0, 1, 1, 2, 9, 10)
    rows = [f"2024-05-01T{hour:02d}:00Z,{at}" for at, hour in enumerate(hours)]
    report = load(store, table(tmp_path, "\n".join(["time,a [m]", *rows, "soon,7"])))
    assert {"time_repeats", "time_gaps", "time_not_understood"} <= codes(report)
    assert told(store)["meters/a"][3] == [0, 2, 3, 4, 5]


def test_table_of_places_with_dates_stays_a_table(store: Store, tmp_path: Path) -> None:
    text = "id,lon,lat,time,depth\n1,114.33,34.8,2024-05-01,2.5\n2,114.34,34.8,2024-05-02,1.5\n"
    file = table(tmp_path, text)
    assert reader_for(file).name == "csv"
    load(store, file)
    assert len(store.select().objects) == 2
    assert store.datastreams() == []


def test_moving_station_has_its_way_as_series(store: Store, tmp_path: Path) -> None:
    rows = [f"bus,2024-05-01T0{at}:00Z,{114.33 + at / 1000},34.8,{at}" for at in range(4)]
    text = "\n".join(["device_id,time,lon,lat,speed [km/h]", *rows])
    report = load(store, table(tmp_path, text))
    assert "station_moves" in codes(report)
    assert told(store)["bus/longitude"][3] == pytest.approx([114.33, 114.331, 114.332, 114.333])
    assert len(store.select().objects) == 1


def test_seconds_from_a_start_want_the_start(store: Store, tmp_path: Path) -> None:
    file = table(tmp_path, "time,h (cm)\n0,1\n0.5,2\n1.0,3\n")
    with pytest.raises(SourceError, match=r"its times are numbers of s from a start"):
        load(store, file)
    load(store, file, start="2024-05-01T08:00+08:00")
    (found,) = store.datastreams()
    assert (found["first"], found["last"], found["unit"]) == (
        "2024-05-01T00:00:00Z", "2024-05-01T00:00:01Z", "cm",
    )  # fmt: skip


def test_series_go_to_the_object_that_is_named(store: Store, tmp_path: Path) -> None:
    with store.load(Delivery(Dataset("houses"), "houses.gpkg")) as opened:
        opened.put(Batch(cities.street().objects))
    load(store, table(tmp_path, WIDE), object="houses/b1")
    assert len(store.datastreams(oid=store.find("b1"))) == 3
    assert len(store.select().objects) == 3
    text = "building_id,time,heat [kWh]\n" + "\n".join(
        f"{house},2024-05-0{day}T00:00Z,{day}" for day in (1, 2) for house in ("b0", "b2", "zz")
    )
    report = load(store, table(tmp_path, text, "heat.csv"), object="houses/*")
    assert [each["datastream_id"] for each in store.datastreams(oid=store.find("b2"))] == [
        "b2/heat"
    ]
    assert "object_unknown" in codes(report)
    assert store.describe(store.find("zz"))["dataset"] == "heat"
    with pytest.raises(ParamError, match="no object 'nobody'"):
        load(store, table(tmp_path, WIDE, "other.csv"), object="nobody")


def test_access_that_the_user_says_holds_for_series(store: Store, tmp_path: Path) -> None:
    load(store, table(tmp_path, WIDE), access="internal")
    assert store.datastreams("public") == []
    assert len(store.datastreams("internal")) == 3


def test_doctor_tells_of_series(tmp_path: Path) -> None:
    report = examine(table(tmp_path, WIDE))
    assert report["reader"] == "series"
    assert report["loadable"]
    assert "3 datastreams, 12 observations" in str(report["findings"])


@pytest.mark.parametrize("name", ["+25:99:1", "Mars/Base", "soon"])
def test_zones_and_starts_that_are_none_are_refused(
    store: Store, tmp_path: Path, name: str
) -> None:
    with pytest.raises(ParamError):
        load(store, table(tmp_path, WIDE), time_zone=name)


TIMES = (
    ("2024-05-01 08:30", "2024-05-01T08:30"),
    ("2024/5/1 8:30", "2024-05-01T08:30"),
    ("2024.05.01 08:30:00", "2024-05-01T08:30"),
    ("01.05.2024 08:30", "2024-05-01T08:30"),
    ("31/05/2024 08:30", "2024-05-31T08:30"),
    ("05/31/2024 08:30 PM", "2024-05-31T20:30"),
    ("2024年5月1日 8时30分", "2024-05-01T08:30"),
    ("20240501083000", "2024-05-01T08:30"),
    ("2024-05-01 24:00", "2024-05-02T00:00"),
    ("2024-05-01T08:30:00+08:00", "2024-05-01T00:30"),
)


@pytest.mark.parametrize(("text", "moment"), TIMES)
def test_times_of_many_spellings(text: str, moment: str) -> None:
    rows = pa.RecordBatch.from_arrays([pa.array([text, None])], ["time"])
    read = clock(rows, ["time"], [""])
    assert read is not None
    times = read.read(rows)
    assert iso(times[0])[:16] == moment
    assert times[1] == np.iinfo(np.int64).min


def test_times_in_two_columns_and_since_1970() -> None:
    pair = pa.RecordBatch.from_arrays(
        [pa.array(["2024-05-01"]), pa.array(["08:30"])], ["Date", "Time"]
    )
    read = clock(pair, ["date", "time"], ["", ""])
    assert read is not None
    assert iso(read.read(pair)[0])[:16] == "2024-05-01T08:30"
    epoch = pa.RecordBatch.from_arrays([pa.array([1_714_552_200])], ["timestamp"])
    read = clock(epoch, ["timestamp"], [""])
    assert read is not None
    assert read.zoned
    assert iso(read.read(epoch)[0])[:16] == "2024-05-01T08:30"


def test_day_and_month_that_could_be_exchanged_are_told(store: Store, tmp_path: Path) -> None:
    text = "time,a [m]\n01/02/2024 00:00,1\n02/02/2024 00:00,2\n"
    report = load(store, table(tmp_path, text))
    assert "date_order_unknown" in codes(report)


def test_local_times_become_utc() -> None:
    noon = np.array([instant("2024-07-01T12:00")])
    assert iso(in_utc(noon, zone("+08:00"))[0]) == "2024-07-01T04:00:00Z"
    assert iso(in_utc(noon, zone("-3:30"))[0]) == "2024-07-01T15:30:00Z"
    assert iso(in_utc(noon, zone("Europe/Berlin"))[0]) == "2024-07-01T10:00:00Z"


@pytest.mark.parametrize(
    ("header", "name", "code"),
    [
        ("Water flow [l/s]", "Water flow", "L/s"),
        ("温度（℃）", "温度", "Cel"),
        ("power_kwh", "power", "kW.h"),
        ("NO2", "NO2", ""),
        ("pressure (furlong)", "pressure", ""),
    ],
)
def test_units_stand_in_headers(header: str, name: str, code: str) -> None:
    found, unit = name_and_unit(header)
    assert (found, ucum(unit)) == (name, code)


def weather(folder: Path, **changed: str) -> Path:
    lines = ["LOCATION,Kaifeng,HA,CHN,CSWD,570910,34.80,114.34,8.0,73.0", *["X"] * 7]
    for hour in range(1, 25):
        values = ["99.9" if hour == 5 else str(hour), "1.0", "50", "99500", *["0"] * 25]
        lines.append(",".join(["2005" if hour else "", "1", "1", str(hour), "60", "?9", *values]))
    file = folder / "kaifeng.epw"
    file.write_text("\n".join(changed.get(str(at), line) for at, line in enumerate(lines)))
    return file


def test_weather_is_a_station_with_series(store: Store, tmp_path: Path) -> None:
    load(store, weather(tmp_path))
    (station,) = store.select().objects.to_dict("records")
    assert (station["object_id"], station["name"]) == ("570910", "Kaifeng")
    name, unit, times, results = told(store)["570910/dry bulb temperature"]
    assert (name, unit) == ("dry bulb temperature", "Cel")
    assert (times[0], times[-1]) == ("2004-12-31T17:00", "2005-01-01T16:00")
    assert results[:6] == [1, 2, 3, 4, None, 6]


def test_weather_without_a_place_is_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="LOCATION"):
        load(store, weather(tmp_path, **{"0": "HELLO"}))
    with pytest.raises(SourceError, match="no numbers"):
        load(store, weather(tmp_path, **{"0": "LOCATION,K,,CHN,,1,north,east,8,73"}))


def things() -> dict[str, Any]:
    start = datetime(2024, 5, 1, tzinfo=UTC)
    observed = [
        {"phenomenonTime": (start + timedelta(hours=at)).isoformat(), "result": at}
        for at in range(3)
    ]
    stream = {
        "@iot.id": 7,
        "name": "PM2.5 of the roof",
        "unitOfMeasurement": {"name": "µg", "symbol": "µg/m³", "definition": "ucum:ug/m3"},
        "ObservedProperty": {"name": "PM2.5"},
        "Observations": observed,
    }
    place = {"location": {"type": "Point", "coordinates": [114.34, 34.8]}}
    thing = {"@iot.id": 1, "name": "Roof", "Locations": [place], "Datastreams": [stream]}
    return {"value": [thing], "@iot.nextLink": "http://nowhere/Things?$skip=1"}


def test_things_with_their_datastreams_and_observations(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "things.json"
    file.write_text(json.dumps(things()))
    report = load(store, file)
    hours = [f"2024-05-01T0{at}:00" for at in range(3)]
    assert told(store) == {"7": ("PM2.5", "ug/m3", hours, [0, 1, 2])}
    (thing,) = store.select().objects.to_dict("records")
    assert (thing["name"], thing["geometry"].geom_type) == ("Roof", "Point")
    assert "page_of_several" in codes(report)


def test_page_of_observations_and_data_arrays(store: Store, tmp_path: Path) -> None:
    page = [
        {"@iot.id": at, "phenomenonTime": f"2024-05-01T0{at}:00Z/PT1H", "result": word}
        for at, word in enumerate(("dry", "wet", "dry"))
    ]
    file = tmp_path / "rain.json"
    file.write_text(json.dumps({"value": page}))
    load(store, file)
    assert told(store)["rain"][3] == [0, 1, 0]
    array = {
        "Datastream": {"@iot.id": 9, "name": "level", "unitOfMeasurement": {"symbol": "m"}},
        "components": ["phenomenonTime", "result"],
        "dataArray": [["2024-05-01T00:00Z", 1.5], ["2024-05-01T01:00Z", None]],
    }
    other = tmp_path / "level.json"
    other.write_text(json.dumps({"value": [array], "@iot.count": 1}))
    load(store, other)
    assert told(store)["9"] == (
        "level", "m", ["2024-05-01T00:00", "2024-05-01T01:00"], [1.5, None],
    )  # fmt: skip


def test_sensorthings_without_anything_are_refused(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "empty.json"
    file.write_text('{"value": [], "@iot.count": 0}')
    with pytest.raises(SourceError, match="no Thing, Datastream or Observation"):
        load(store, file)
    file.write_text('{"value": [{"@iot.id": ')
    with pytest.raises(SourceError, match="no whole JSON"):
        load(store, file)


def real(tmp_path: Path, crs: str, name: str, **said: Any) -> tuple[Store, LoadReport]:
    store = create_city(str(tmp_path / "real.city"), crs)
    return store, load(store, realdata.path(name), **said)


def values(store: Store, name: str) -> np.ndarray[Any, Any]:
    (number,) = [
        each["datastream"] for each in store.datastreams() if each["observed_property"] == name
    ]
    found: np.ndarray[Any, Any] = store.observations(number)[1]
    return found


@realdata.real
def test_weather_of_chicago_is_what_is_known_of_it(tmp_path: Path) -> None:
    store, report = real(tmp_path, "EPSG:32616", "sensor/epw/chicago.epw")
    with store:
        dry = values(store, "dry bulb temperature")
        assert len(dry) == 8760
        assert (round(float(dry.mean()), 3), dry.min(), dry.max()) == (9.988, -22.8, 35.0)
        assert "typical_year" in codes(report)
        assert report.datastreams == 29


@realdata.real
def test_air_of_beijing_is_what_is_known_of_it(tmp_path: Path) -> None:
    name = "sensor/air/beijing_pm25_2010_2012.csv"
    store, report = real(tmp_path, "EPSG:4547", name, time_zone="+08:00")
    with store:
        found = values(store, "pm2.5")
        assert (len(found), round(float(found.mean()), 2), found.max()) == (24418, 97.82, 994)
        wind = next(each for each in store.datastreams() if each["categories"])
        assert sorted(wind["categories"]) == ["NE", "NW", "SE", "cv"]
        assert wind["first"] == "2010-01-01T16:00:00Z"
        assert {"time_gaps", "unit_unknown"} <= codes(report)


@realdata.real
def test_flow_of_a_pipeline_is_what_is_known_of_it(tmp_path: Path) -> None:
    store, _ = real(tmp_path, "EPSG:4547", "sensor/water/water-flow.csv")
    with store:
        found = values(store, "Water flow")
        assert (len(found), round(float(found.mean()), 2)) == (1268, 100.05)
        assert (found.min(), found.max()) == (24.24, 109.68)
        (stream,) = store.datastreams()
        assert (stream["unit"], stream["first"]) == ("L/s", "2022-03-20T10:00:00Z")


@realdata.real
@pytest.mark.parametrize(
    ("name", "streams", "maxima"),
    [
        ("monai/output_ch5-7-9.csv", ["ch5", "ch7", "ch9"], [3.694, 3.895, 4.535]),
        ("monai/Benchmark_2_input.txt", ["water surface"], [0.0161886]),
        (
            "isolated_building/tjhr_a_9521830_sup_0001/building_gauges_h.txt",
            [f"G{number} h" for number in range(1, 7)],
            [0.125, 0.118, 0.116, 0.132, 0.108, 0.400],
        ),
    ],
)
def test_gauges_of_flood_experiments_want_a_start(
    tmp_path: Path, name: str, streams: list[str], maxima: list[float]
) -> None:
    with pytest.raises(SourceError, match="from a start it does not say"):
        real(tmp_path / "without", "EPSG:4547", f"flood/{name}")
    store, _ = real(tmp_path, "EPSG:4547", f"flood/{name}", start="2000-01-01T00:00Z")
    with store:
        assert [each["observed_property"] for each in store.datastreams()] == streams
        assert [values(store, each).max() for each in streams] == maxima


@realdata.real
def test_river_gauges_are_what_is_known_of_them(tmp_path: Path) -> None:
    store, report = real(tmp_path, "EPSG:32618", "sensor/river/waterservices_dv.txt")
    with store:
        assert report.datastreams == 10
        assert sorted(each["count"] for each in store.datastreams()) == [0] * 8 + [2, 2]
        flows = [each for each in store.datastreams() if each["count"]]
        assert {each["unit"] for each in flows} == {"[cft_i]/s"}
        objects = store.select().objects
        assert "CHOPTANK RIVER NEAR GREENSBORO, MD" in objects["name"].tolist()


@realdata.real
def test_sites_of_the_usgs_are_stations(tmp_path: Path) -> None:
    store, report = real(tmp_path, "EPSG:32617", "sensor/river/nwis_sites.txt")
    with store:
        lines = realdata.path("sensor/river/nwis_sites.txt").read_text().splitlines()
        rows = [line for line in lines if line.startswith("USGS\t")]
        assert report.read == len(rows) == len(store.select().objects)


@realdata.real
def test_batch_of_sensorthings_gives_things_and_observations(tmp_path: Path) -> None:
    store, report = real(tmp_path, "EPSG:32632", "sensor/sensorthings/dataBatchPost.json")
    with store:
        assert (report.read, report.datastreams, report.observations) == (4, 8, 32)
        assert "requests_left_out" in codes(report)
        assert "userpass" not in str(store.describe(store.find("thing1")))


def test_many_observations_come_in_chunks(store: Store, tmp_path: Path) -> None:
    times = pd.date_range("2024-01-01", periods=20_000, freq="h").strftime("%Y-%m-%dT%H:%M:%SZ")
    columns = {f"m{at} [kWh]": np.arange(20_000) + at for at in range(5)}
    file = tmp_path / "many.csv"
    pd.DataFrame({"time": times, **columns}).to_csv(file, index=False)
    report = load(store, file)
    assert report.observations == 100_000
    assert told(store)["many/m4"][3][-1] == 20_003


DYNAMIC = """<core:CityModel xmlns:core="http://www.opengis.net/citygml/3.0"
 xmlns:bldg="http://www.opengis.net/citygml/building/3.0" xmlns:gml="http://www.opengis.net/gml/3.2"
 xmlns:dyn="http://www.opengis.net/citygml/dynamizer/3.0">
<core:cityObjectMember><bldg:Building gml:id="B1"><core:dynamizer><dyn:Dynamizer gml:id="D1">
<dyn:attributeRef>//bldg:Building</dyn:attributeRef>
<dyn:dynamicData><dyn:GenericTimeseries>
<dyn:observationProperty>heat</dyn:observationProperty><dyn:uom>kWh</dyn:uom>
{pairs}
</dyn:GenericTimeseries></dyn:dynamicData></dyn:Dynamizer></core:dynamizer></bldg:Building>
</core:cityObjectMember></core:CityModel>"""
PAIR = """<dyn:timeValuePair><dyn:TimeValuePair><dyn:timestamp>2024-0{0}</dyn:timestamp>
<dyn:doubleValue>{0}.5</dyn:doubleValue></dyn:TimeValuePair></dyn:timeValuePair>"""


def test_dynamizer_is_a_series_of_the_object_around_it(store: Store, tmp_path: Path) -> None:
    pairs = "".join(map(PAIR.format, (1, 2, 3)))
    file = table(tmp_path, DYNAMIC.format(pairs=pairs), "b.gml")
    report = load(store, file, time_zone="UTC", crs=cities.CRS)
    months = [f"2024-0{month}-01T00:00" for month in (1, 2, 3)]
    assert told(store) == {"D1/heat": ("heat", "kW.h", months, [1.5, 2.5, 3.5])}
    assert store.datastreams(oid=store.find("B1"))[0]["attributes"] == {
        "attributeRef": "//bldg:Building", "unit_in_source": "kWh",
    }  # fmt: skip
    assert "dynamizer_left_out" not in codes(report)


def test_dynamizer_without_values_is_told(store: Store, tmp_path: Path) -> None:
    report = load(store, table(tmp_path, DYNAMIC.format(pairs=""), "b.gml"), crs=cities.CRS)
    assert "dynamizer_left_out" in codes(report)
    assert store.datastreams() == []


@realdata.real
def test_dynamizer_of_the_ogc_example_has_its_twelve_months(tmp_path: Path) -> None:
    name = "Building_CityGML3.0_with_Dynamizer_and_inline_Timeseries.gml"
    store, _ = real(tmp_path, "EPSG:31468", f"citymodel/citygml/v3/{name}")
    with store:
        (stream,) = store.datastreams()
        assert (stream["count"], stream["unit"]) == (12, "kW.h")
        assert stream["oid"] is not None
        assert values(store, "DiffuseIrradiationPerMonth")[0] == 1454.63
