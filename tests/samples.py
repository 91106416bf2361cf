"""One small sound file of every kind that readers know, made in milliseconds."""

import gzip
import json
import sqlite3
import zipfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import citygml_models as gml
import cityjson_models as cityjson
import dxf_drawings as dxf
import geopandas as gpd
import numpy as np
import point_clouds
import rasterio
import shapely
from feature_files import frame
from ifc_models import House
from rasterio.transform import from_origin
from satellite_scenes import REFLECTANCE, band
from surface_files import polyhedral_geopackage
from workbooks import workbook

NAMES: Final[Mapping[str, Sequence[Any]]] = {
    "name": ["中心楼", "x" * 40, "c", "d"],
    "height": [12.5, 3.0, 9.0, 44.0],
    "层数": [4, 1, 3, 15],
    "built": ["1999", "2001-05-06", "", "2010"],
}


def features(suffix: str) -> Callable[[Path], Path]:
    """A maker of four buildings in a format that GDAL writes."""

    def make(folder: Path) -> Path:
        path = folder / f"houses{suffix}"
        table = frame(NAMES)
        if suffix == ".tab":  # the driver knows no Chinese names
            table = table.rename(columns={"层数": "floors"})
        if suffix == ".parquet":
            table.to_parquet(path)
        else:
            table.to_file(path, engine="pyogrio")
        return path

    return make


def packed(make: Callable[[Path], Path], name: str) -> Callable[[Path], Path]:
    """A maker of the same in a zip file."""

    def zipped(folder: Path) -> Path:
        inside = folder / "inside"
        inside.mkdir()
        make(inside)
        path = folder / name
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for each in sorted(inside.iterdir()):
                file.write(each, each.name)
                each.unlink()
        inside.rmdir()
        return path

    return zipped


def text(name: str, content: str, encoding: str = "utf-8") -> Callable[[Path], Path]:
    """A maker of a file with this text."""

    def make(folder: Path) -> Path:
        path = folder / name
        path.write_text(content, encoding)
        return path

    return make


def geojson_gz(folder: Path) -> Path:
    path = folder / "houses.geojson.gz"
    path.write_bytes(gzip.compress(frame(NAMES).to_json().encode()))
    return path


def citygml(folder: Path) -> Path:
    return gml.saved(folder, gml.model(gml.cube(), gml.land_use(gml.surface(gml.square()))))


def raster(folder: Path) -> Path:
    path = folder / "terrain.tif"
    y, x = np.mgrid[0:64, 0:64]
    with rasterio.open(
        path, "w", driver="GTiff", count=1, height=64, width=64, dtype="float32",
        crs="EPSG:4547", transform=from_origin(531000, 3852000, 10, 10), compress="deflate",
    ) as target:  # fmt: skip
        target.write((50 + np.sin(x / 9) + y / 3).astype("float32"), 1)
    return path


def bands(folder: Path) -> Path:
    """A Landsat product with small bands."""
    name = "LC08_L2SP_123032_20210517_20210525_02_T1"
    root = folder / name
    for number, each in enumerate(REFLECTANCE, start=2):
        path = root / f"{name}_SR_B{number}.TIF"
        band(path, REFLECTANCE[each], 30, (0.0000275, -0.2))
    return root


def points(suffix: str) -> Callable[[Path], Path]:
    """A maker of a small point cloud."""
    return lambda folder: point_clouds.written(
        folder / f"points{suffix}", point_clouds.village(spacing=4)
    )


def traffic(folder: Path) -> Path:
    """A zipped AequilibraE project."""
    database = folder / "project_database.sqlite"
    lines = [shapely.LineString(each) for each in ([(0, 0), (0, 1)], [(0, 1), (1, 1)])]
    links = {"link_id": [1, 2], "a_node": [1, 2], "b_node": [2, 3], "link_type": ["a", "b"]}
    nodes = {"node_id": [1, 2, 3], "is_centroid": [1, 0, 0]}
    places = gpd.points_from_xy([0, 0, 1], [0, 1, 1])
    for name, table in (
        ("links", gpd.GeoDataFrame(links, geometry=lines, crs="EPSG:4326")),
        ("nodes", gpd.GeoDataFrame(nodes, geometry=places, crs="EPSG:4326")),
    ):
        table.to_file(database, layer=name, driver="SQLite", engine="pyogrio", SPATIALITE="NO")
    with closing(sqlite3.connect(database)) as opened, opened:
        opened.execute("CREATE TABLE modes (mode_id)")
        opened.execute("CREATE TABLE link_types (link_type)")
    path = folder / "town.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.write(database, "town/project_database.sqlite")
    database.unlink()
    return path


TIMETABLE: Final = {
    "agency": "agency_id,agency_name,agency_url,agency_timezone\nA,城市公交,http://a,Asia/Shanghai\n",
    "stops": "stop_id,stop_name,stop_lat,stop_lon\nA,甲,34.80,114.31\nB,乙,34.81,114.32\n",
    "routes": "route_id,agency_id,route_short_name,route_type\n1,A,1,3\n",
    "trips": "route_id,service_id,trip_id\n1,WD,t1\n1,WD,t2\n",
    "stop_times": (
        "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n"
        "t1,08:00:00,08:00:00,A,1\nt1,08:20:00,08:20:00,B,2\n"
        "t2,09:00:00,09:00:00,A,1\nt2,09:20:00,09:20:00,B,2\n"
    ),
    "calendar": (
        "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n"
        "WD,1,1,1,1,1,0,0,20240101,20240107\n"
    ),
}


def timetable(folder: Path) -> Path:
    path = folder / "gtfs.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in TIMETABLE.items():
            file.writestr(f"{name}.txt", content)
    return path


POINT_SHEET: Final[list[list[Any]]] = [
    ["物探点号", "管线类型", "附属物", "X坐标", "Y坐标", "地面高程", "埋深", "井深"],
    ["JS1", "JS", "阀门井", 3851000.0, 512000.0, 75.50, 1.20, 1.8],
    ["JS2", "JS", None, 3851050.0, 512000.0, 75.60, 1.30, None],
    ["JS3", "JS", "消防栓", 3851050.0, 512030.0, 75.70, 1.10, None],
]
LINE_SHEET: Final[list[list[Any]]] = [
    ["起点点号", "终点点号", "起点埋深", "终点埋深", "管径(mm)", "材质"],
    ["JS1", "JS2", 1.2, 1.3, "DN300", "QM"],
    ["JS2", "JS3", None, None, "100", "PE"],
]


def pipeline_survey(folder: Path) -> Path:
    return workbook(folder / "管线.xlsx", {"管点表": POINT_SHEET, "管线表": LINE_SHEET})


def sheet(folder: Path) -> Path:
    rows: list[list[Any]] = [
        ["id", "lon", "lat", "height"],
        ["a", 114.3, 34.8, 10],
        ["b", 114.4, 34.9, 20.5],
    ]
    return workbook(folder / "places.xlsx", {"places": rows})


OSM: Final = (
    "<osm version='0.6'>"
    "<node id='1' lon='114.3' lat='34.8' version='1'/><node id='2' lon='114.31' lat='34.8' "
    "version='1'/><node id='3' lon='114.31' lat='34.81' version='1'><tag k='natural' v='tree'/>"
    "</node><way id='1' version='1'><nd ref='1'/><nd ref='2'/><nd ref='3'/><nd ref='1'/>"
    "<tag k='building' v='yes'/><tag k='building:levels' v='3'/></way><way id='2' version='1'>"
    "<nd ref='1'/><nd ref='2'/><tag k='highway' v='residential'/></way></osm>"
)

LANDXML: Final = (
    '<LandXML xmlns="http://www.landxml.org/schema/LandXML-1.2"><Units><Metric '
    'linearUnit="meter" elevationUnit="meter" diameterUnit="millimeter"/></Units>'
    '<CoordinateSystem epsgCode="3878"/><Surfaces><Surface name="g"><Definition surfType="TIN">'
    '<Pnts><P id="1">6800000 24500000 1</P><P id="2">6800000 24500010 2</P>'
    '<P id="3">6800010 24500010 3</P></Pnts><Faces><F>1 2 3</F></Faces></Definition></Surface>'
    '</Surfaces><PipeNetworks><PipeNetwork name="N" pipeNetType="storm"><Structs>'
    '<Struct name="A" elevRim="12" elevSump="10"><Center>6800000 24500000</Center></Struct>'
    '<Struct name="B" elevRim="11" elevSump="9"><Center>6800030 24500040</Center></Struct>'
    '</Structs><Pipes><Pipe name="p" refStart="A" refEnd="B" length="50"><CircPipe '
    'diameter="300" material="concrete"/></Pipe></Pipes></PipeNetwork></PipeNetworks></LandXML>'
)

WATER: Final = """[TITLE]
Small town
[JUNCTIONS]
 J1   100  10  P1 ;
 J2   90
[RESERVOIRS]
 R    120
[PIPES]
 1  R  J1    100  200  130  0  Open ;
 J1 J1 J2    200  150  130  CV
[PATTERNS]
 P1 1 2 3
[OPTIONS]
 Units LPS
 Headloss H-W
[COORDINATES]
 R    500000 4000000
 J1   500100 4000000
 J2   500100 4000200
[END]
"""

DRAIN: Final = """[OPTIONS]
FLOW_UNITS  CMS
[SUBCATCHMENTS]
S1 RG J2 2 50 100 0.5 0
[JUNCTIONS]
J1 50 3 0 0 0
J2 49 0 0 0 0
[OUTFALLS]
O 45 FREE NO
[CONDUITS]
C1 J1 J2 100 0.013 0.2 0.1
C2 J2 O  100 0.013 0   0
[XSECTIONS]
C1 CIRCULAR 0.6 0 0 0 2
C2 TRAPEZOIDAL 1.5 2 1 1 1
[COORDINATES]
J1 500000 4000000
J2 500100 4000000
O  500200 4000000
[Polygons]
S1 500000 4000000
S1 500100 4000000
S1 500100 4000100
S1 500000 4000000
"""

SERIES: Final = (
    "时间,站点,PM2.5\n2024-01-01 00:00,A,35\n2024-01-01 01:00,A,\n2024-01-01 00:00,B,3\n"
)
SITES: Final = (
    "# sites\nagency_cd\tsite_no\tstation_nm\tdec_lat_va\tdec_long_va\tdec_coord_datum_cd\n"
    "5s\t15s\t50s\t16s\t16s\t10s\nUSGS\t0162\tRIVER\t38.9\t-77.1\tNAD83\n"
)
RIVER: Final = {
    "name": "ns1:timeSeriesResponseType",
    "value": {
        "timeSeries": [
            {
                "name": "USGS:0162:00060",
                "sourceInfo": {
                    "siteName": "RIVER",
                    "siteCode": [{"value": "0162", "agencyCode": "USGS"}],
                    "geoLocation": {
                        "geogLocation": {"srs": "EPSG:4326", "latitude": 38.9, "longitude": -77.1}
                    },
                    "siteProperty": [{"name": "stateCd", "value": "24"}],
                },
                "variable": {
                    "variableName": "Streamflow, ft&#179;/s",
                    "variableCode": [{"value": "00060"}],
                    "noDataValue": -999999.0,
                    "options": {"option": [{"optionCode": "00003"}]},
                    "unit": {"unitCode": "ft3/s"},
                },
                "values": [
                    {
                        "method": [{"methodDescription": "", "methodID": 1}],
                        "value": [
                            {"value": "12.5", "qualifiers": ["P"], "dateTime": f"2024-01-0{day}"}
                            for day in (1, 2, 3)
                        ],
                    }
                ],
            }
        ]
    },
}
SENSORS: Final = {
    "value": [
        {
            "@iot.id": 1,
            "name": "street",
            "properties": {"owner": "city"},
            "Locations": [
                {"name": "l", "location": {"type": "Point", "coordinates": [114.3, 34.8]}}
            ],
            "Datastreams": [
                {
                    "@iot.id": 7,
                    "name": "air",
                    "unitOfMeasurement": {"name": "degree", "symbol": "Cel", "definition": "x"},
                    "ObservedProperty": {"name": "temperature"},
                    "Observations": [
                        {"phenomenonTime": f"2024-01-0{day}T00:00:00Z", "result": day * 1.5}
                        for day in (1, 2)
                    ],
                }
            ],
        }
    ]
}
_HOUR: Final = ",".join(["?9", *(str(each) for each in range(1, 30))])
WEATHER: Final = (
    "LOCATION,Kaifeng,HEN,CHN,CSWD,570910,34.8,114.3,8.0,75.0\n"
    + "".join(f"{name},0\n" for name in ("DESIGN CONDITIONS", "TYPICAL/EXTREME PERIODS"))
    + "GROUND TEMPERATURES,0\nHOLIDAYS/DAYLIGHT SAVINGS,No,0,0,0\nCOMMENTS 1,a\nCOMMENTS 2,b\n"
    + "DATA PERIODS,1,1,Data,Sunday, 1/ 1,12/31\n"
    + "".join(f"2005,1,1,{hour},60,{_HOUR}\n" for hour in range(1, 25))
)

CSV: Final = "编号,名称,lon,lat,height\na,甲楼,114.3,34.8,12\nb,乙楼,114.31,34.81,9.5\n"


SAMPLES: Final[Mapping[str, tuple[str, Callable[[Path], Path]]]] = MappingProxyType(
    {
        "IFC4": ("ifc", text("house.ifc", str(House()))),
        "CityJSON": ("cityjson", lambda folder: cityjson.saved(folder, cityjson.document())),
        "CityGML": ("citygml", citygml),
        "LandXML": ("landxml", text("site.xml", LANDXML)),
        "DXF": ("dxf", lambda at: dxf.saved(dxf.survey(dxf.blank()), at / "a.dxf")),
        "DXF in GBK": (
            "dxf",
            lambda at: dxf.saved(dxf.survey(dxf.blank("R12", page="ANSI_936")), at / "a.dxf"),
        ),
        "OpenStreetMap": ("osm", text("map.osm", OSM)),
        "Landsat": ("bands", bands),
        "GeoTIFF": ("raster", raster),
        "LAS": ("pointcloud", points(".las")),
        "LAZ": ("pointcloud", points(".laz")),
        "GeoParquet": ("geoparquet", features(".parquet")),
        "GTFS": ("gtfs", timetable),
        "AequilibraE": ("aequilibrae", traffic),
        "EPANET": ("epanet", text("water.inp", WATER)),
        "SWMM": ("swmm", text("drain.inp", DRAIN)),
        "pipeline survey": ("cjj61", pipeline_survey),
        "CSV": ("csv", text("houses.csv", CSV)),
        "CSV in GBK": ("csv", text("houses.csv", CSV, "gbk")),
        "Excel": ("sheets", sheet),
        "GeoJSON": ("vector", features(".geojson")),
        "GeoJSON, packed": ("vector", geojson_gz),
        "GeoPackage": ("vector", features(".gpkg")),
        "surfaces": (
            "vector",
            lambda at: polyhedral_geopackage(at / "a.gpkg", "POLYHEDRALSURFACE"),
        ),
        "shapefile": ("vector", features(".shp")),
        "shapefile, zipped": ("vector", packed(features(".shp"), "houses.zip")),
        "FlatGeobuf": ("vector", features(".fgb")),
        "GML": ("vector", features(".gml")),
        "MapInfo": ("vector", features(".tab")),
        "time series": ("series", text("air.csv", SERIES)),
        "list of gauges": ("nwis_sites", text("sites.txt", SITES)),
        "river gauges": ("waterml", text("river.json", json.dumps(RIVER))),
        "sensors": ("sensorthings", text("sensors.json", json.dumps(SENSORS))),
        "weather": ("epw", text("kaifeng.epw", WEATHER)),
    }
)
"""Title → (name of the reader, what makes a file in an empty folder)."""
