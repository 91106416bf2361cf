"""Writes the district as a delivery of files, and what a right loader must find in them."""

import json
import tomllib
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import shapely

from kaifeng import bim, files, scenes, totals
from kaifeng.blocks import Site, land_use
from kaifeng.district import District, junctions_of, level_of, make_district, roads_of, scenery_of
from kaifeng.frame import CRS, HEIGHT_DATUM, ZONE_OFFSET, ZONED_CRS
from kaifeng.landmarks import write_city_json
from kaifeng.surroundings import make_bridges, make_green, make_places, make_sensors
from kaifeng.utilities import make_metro, make_utilities

CITY: Final = {
    "name": "开封示范区 Kaifeng demo district",
    "crs": CRS,
    "height_datum": HEIGHT_DATUM,
}
SCENE_DAYS: Final = (date(2015, 6, 1), date(2025, 6, 1))

_IFC_CLASSES: Final = {
    "IfcBuilding": "Building", "IfcBuildingStorey": "BuildingStorey", "IfcSpace": "BuildingRoom",
    "IfcDoor": "Door", "IfcWindow": "Window", "IfcWall": "BuildingConstructiveElement",
    "IfcSlab": "BuildingConstructiveElement", "IfcRoof": "BuildingConstructiveElement",
}  # fmt: skip
"""What becomes an object of the city, and of which class."""

_GREEN_DEFECTS: Final = {"rejected": 2, "repaired": 3}

_BUILDING_COLUMNS: Final = {
    "object_id": "object_id", "name": "name", "function": "function", "use": "用途",
    "status": "status", "height": "height", "ground_height": "ground_height",
    "storeys": "storeys_above_ground", "basements": "storeys_below_ground",
    "valid_from": "valid_from", "valid_to": "valid_to", "structure": "structure", "roof": "roof",
    "year": "year_of_construction", "address": "address", "geometry": "geometry",
}  # fmt: skip
_SHAPEFILE_COLUMNS: Final = {
    "object_id": "编号", "name": "名称", "use": "用途", "storeys": "层数", "height": "高度",
    "year": "建成年", "valid_from": "建成日期", "ground_height": "地面高", "structure": "结构",
    "address": "门牌地址", "geometry": "geometry",
}  # fmt: skip
_SHAPEFILE_FIELDS: Final = {
    "名称": "name", "用途": "function", "层数": "storeys_above_ground", "高度": "height",
    "建成日期": "valid_from", "地面高": "ground_height",
}  # fmt: skip


class Delivery:
    """A folder being filled: files, their description, and the expected totals."""

    def __init__(self, folder: Path, district: District, seed: int) -> None:
        self.folder, self.district, self.seed = folder, district, seed
        self.described: list[dict[str, Any]] = []
        self.expected: dict[str, Any] = {}

    def describe(self, name: str, file: str, title: str, **options: Any) -> None:
        """List a data set in the delivery."""
        self.described.append(
            {"name": name, "file": file, "title": title, "licence": "CC0-1.0", "options": options}
        )

    def layer(self, name: str, target: str, table: pd.DataFrame, title: str,
              **options: Any) -> None:  # fmt: skip
        """Write a table to ``file.gpkg|layer``, list it under the data set `name`, and count it."""
        file, _, layer = target.partition("|")
        shown = table.drop(columns="class", errors="ignore") if "class_name" in options else table
        files.write_layer(self.folder / file, layer, shown)
        self.describe(name, file, title, layer=layer, id_field="object_id", **options)
        self.expected[name] = totals.of_table(table, options.get("class_name", ""))

    def buildings(self) -> None:
        """Buildings in three files, and those planned or gone."""
        district = self.district
        old = district.old[list(_SHAPEFILE_COLUMNS)].rename(columns=_SHAPEFILE_COLUMNS)
        files.write_shapefile(self.folder / "buildings_old_town.shp", old)
        self.describe(
            "buildings-old-town",
            "buildings_old_town.shp",
            "老城建筑 Buildings of the old town",
            class_name="Building",
            id_field="编号",
            fields=_SHAPEFILE_FIELDS,
        )
        new = _for_geopackage(district.new)
        new["geometry"] = shapely.transform(new["geometry"].to_numpy(),
                                            lambda xy: np.add(xy, (ZONE_OFFSET, 0)))  # fmt: skip
        files.write_layer(self.folder / "buildings_new_town.gpkg", "buildings", new, ZONED_CRS)
        self.describe("buildings-new-town", "buildings_new_town.gpkg",
                      "新城建筑 Buildings outside the wall (zoned coordinates)", layer="buildings",
                      class_name="Building", id_field="object_id")  # fmt: skip
        for name, table in (
            ("buildings-old-town", district.old),
            ("buildings-new-town", district.new),
        ):
            self.expected[name] = totals.of_table(table, "Building")
        for name, table, title in (
            ("planned", district.planned, "规划建筑 Planned buildings"),
            ("demolished", district.demolished, "已拆除建筑 Demolished buildings"),
        ):
            shown = _for_geopackage(table)
            self.layer(name, f"planning.gpkg|{name}", shown, title, class_name="Building")

    def ground_cover(self) -> None:
        """Water, green, land use, wall, bridges and railway."""
        plan, blocks = self.district.plan, self.district.blocks
        water = pd.DataFrame(
            [(f"W{i:02d}", each.name, each.function, each.level, each.geometry)
             for i, each in enumerate(plan.waters, 1)],
            columns=["object_id", "name", "function", "water_level", "geometry"],
        )  # fmt: skip
        self.layer("water", "town.gpkg|water", water, "水体 Water", class_name="WaterBody")
        green = make_green(plan, blocks)
        self.layer("green", "town.gpkg|green", green, "绿地 Green areas, with defects",
                   class_name="PlantCover")  # fmt: skip
        self.expected["green"] = totals.of_table(green, "PlantCover", **_GREEN_DEFECTS)
        uses = land_use(blocks, plan)
        land = pd.DataFrame(
            [(f"LU{i:04d}", area.name, area.function, code, area.geometry)
             for i, (area, code) in enumerate(uses, 1)],
            columns=["object_id", "name", "function", "code", "geometry"],
        )  # fmt: skip
        self.layer(
            "land-use", "town.gpkg|land_use", land, "土地利用 Land use", class_name="LandUse"
        )
        self.layer("wall", "town.gpkg|wall", self.district.wall, "城墙 City wall",
                   class_name="OtherConstruction")  # fmt: skip
        bridges = make_bridges(plan, self.district.streets)
        self.layer("bridges", "town.gpkg|bridges", bridges, "桥梁 Bridges", class_name="Bridge")
        rails = pd.DataFrame(
            [(f"RW{i}", each.name, each.line) for i, each in enumerate(plan.railways, 1)],
            columns=["object_id", "name", "geometry"],
        )
        self.layer("railway", "town.gpkg|railway", rails, "铁路 Railways", class_name="Railway")

    def networks(self) -> None:
        """Streets, pipes and the metro."""
        roads = roads_of(self.district.streets)
        junctions = junctions_of(self.district.streets)
        for file, table, kind, title in (
            ("roads.geojson", roads, "Road", "道路中心线 Street centre lines (GCJ-02)"),
            (
                "junctions.geojson",
                junctions,
                "GenericLogicalSpace",
                "道路交叉口 Junctions (GCJ-02)",
            ),
        ):
            files.write_gcj(self.folder / file, table.drop(columns="class"))
            self.describe("roads", file, title, crs="GCJ-02", class_name=kind,
                          id_field="object_id", network="road")  # fmt: skip
        self.expected["roads"] = totals.of_table(pd.concat([roads, junctions]), "")
        pipes, nodes = make_utilities(self.district.streets, self.seed)
        # lines and the nodes they name belong to one data set
        self.layer("pipes", "pipes.gpkg|pipes", pipes, "地下管线 Pipes and cables",
                   height_datum=HEIGHT_DATUM)  # fmt: skip
        self.layer("pipes", "pipes.gpkg|nodes", nodes, "管点 Manholes, valves and other nodes",
                   height_datum=HEIGHT_DATUM)  # fmt: skip
        self.expected["pipes"] = totals.of_table(pd.concat([pipes, nodes]), "")
        tunnels, stations, stops = make_metro(self.district.streets)
        title = "地铁 Metro (invented)"
        for layer, table in (("tunnels", tunnels), ("stations", stations), ("stops", stops)):
            self.layer("metro", f"metro.gpkg|{layer}", table, title, height_datum=HEIGHT_DATUM)
        self.expected["metro"] = totals.of_table(pd.concat([tunnels, stations, stops]), "")
        self.expected["networks"] = totals.of_networks([roads, pipes, tunnels])

    def points(self) -> None:
        """Places, sensors and trees."""
        places = make_places(self.district.buildings, self.seed)
        files.write_csv(self.folder / "places.csv", places, "gb18030")
        self.describe("places", "places.csv", "公共服务设施 Public services", crs="EPSG:4490",
                      class_name="GenericLogicalSpace", id_field="编号",
                      fields={"名称": "name", "function": "function"})  # fmt: skip
        sensors = make_sensors(self.district.streets, self.district.plan.waters, self.seed)
        files.write_csv(self.folder / "sensors.csv", sensors, "utf-8")
        self.describe("sensors", "sensors.csv", "传感器 Sensors", crs="EPSG:4326",
                      class_name="CityFurniture", id_field="object_id")  # fmt: skip
        trees = self.district.trees
        files.write_parquet(self.folder / "trees.parquet", trees.drop(columns="class"))
        self.describe("trees", "trees.parquet", "树木 Trees", class_name="SolitaryVegetationObject",
                      id_field="object_id")  # fmt: skip
        self.expected["trees"] = totals.of_table(trees, "")
        for name, table, kind in (("places", places, "GenericLogicalSpace"),
                                  ("sensors", sensors, "CityFurniture")):  # fmt: skip
            counts = {
                str(k): int(v) for k, v in table["function"].value_counts().sort_index().items()
            }
            self.expected[name] = {
                "objects": len(table),
                "rejected": 0,
                "repaired": 0,
                "classes": {kind: len(table)},
                "by_function": counts,
            }

    def models(self) -> None:
        """Landmarks in CityJSON and two buildings in IFC."""
        marks = self.district.landmarks
        write_city_json(marks, self.folder / "landmarks.city.json")
        self.describe("landmarks", "landmarks.city.json", "地标 Landmarks in LoD2")
        parts = [solid for mark in marks for _, solid in mark.parts]
        self.expected["landmarks"] = {
            "objects": len(marks) + len(parts), "rejected": 0, "repaired": 0,
            "classes": {"Building": len(marks), "BuildingPart": len(parts)},
            "closed_solids": sum(each.closed for each in parts),
            "volume_m3": round(sum(each.volume for each in parts), 1),
            "heights": {each.name: each.height for each in marks},
        }  # fmt: skip
        for name, file, design, site in (
            ("office-ifc", "office_ifc4.ifc", bim.OFFICE, self.district.office),
            ("school-ifc", "school_ifc2x3.ifc", bim.SCHOOL, self.district.school),
        ):
            self.describe(name, file, f"{design.name} ({design.schema})")
            self._model(name, file, design, site)

    def _model(self, name: str, file: str, design: bim.Design, site: Site) -> None:
        level = level_of(site)
        counts = bim.write_building(self.folder / file, design, site, level)
        outline = bim.footprint(site, design)
        corners = [[round(each, 3) for each in xy] for xy in outline.exterior.coords[:4]]
        classes = {_IFC_CLASSES[key]: 0 for key in counts if key in _IFC_CLASSES}
        for key in counts.keys() & _IFC_CLASSES.keys():
            classes[_IFC_CLASSES[key]] += counts[key]
        self.expected[name] = {
            "objects": sum(classes.values()),
            "rejected": 0,
            "repaired": 0,
            "classes": dict(sorted(classes.items())),
            "ifc_classes": dict(sorted(counts.items())),
            "spaces_m2": round(bim.floor_area(design), 2),
            "footprint_en": corners,
            "footprint_m2": round(outline.area, 2),
            "ground_floor": level,
        }

    def rasters(self) -> None:
        """Terrain, two satellite scenes, population."""
        folder = self.folder
        self.expected["terrain"] = totals.of_grid(scenes.write_terrain(folder / "terrain.tif"))
        self.describe("terrain", "terrain.tif", "数字高程模型 Terrain", kind="terrain",
                      height_datum=HEIGHT_DATUM, valid_from="2024-12-31")  # fmt: skip
        painter = scenes.Painter(scenery_of(self.district), self.seed)
        for day in SCENE_DAYS:
            name = f"satellite-{day.year}"
            bands = painter.write(folder / f"satellite_{day.year}.tif", day)
            self.expected[name] = {"bands": [totals.of_grid(band) for band in bands]}
            self.describe(name, f"satellite_{day.year}.tif", f"卫星影像 Satellite scene {day}",
                          kind="imagery", valid_from=day.isoformat())  # fmt: skip
        cells = scenes.write_population(folder / "population.tif", self.district.buildings)
        self.expected["population"] = totals.of_grid(cells)
        self.describe("population", "population.tif", "人口格网 Population", kind="population",
                      valid_from="2025-01-01")  # fmt: skip

    def close(self) -> dict[str, Any]:
        """Write the description and the expected totals."""
        district = self.district
        tables = {"old": district.old, "new": district.new, "planned": district.planned,
                  "demolished": district.demolished}  # fmt: skip
        found = {
            "seed": self.seed,
            "networks": self.expected.pop("networks"),
            "buildings": totals.of_buildings(tables),
            "wall_length_m": round(district.plan.inside.exterior.length, 2),
            "datasets": self.expected,
        }
        files.write_delivery(self.folder / "delivery.toml", CITY, self.described)
        text = json.dumps(found, ensure_ascii=False, indent=1)
        (self.folder / "expected.json").write_text(text + "\n", encoding="utf-8")
        return found


def _for_geopackage(table: pd.DataFrame) -> pd.DataFrame:
    return table[list(_BUILDING_COLUMNS)].rename(columns=_BUILDING_COLUMNS)


def _clear(out: Path) -> None:
    """Remove the files of an earlier delivery, and nothing else that lies there."""
    earlier = tomllib.loads((out / "delivery.toml").read_text(encoding="utf-8"))
    for file in {each["file"] for each in earlier.get("dataset", [])}:
        for path in out.glob(f"{Path(file).stem}.*"):
            path.unlink()


def deliver(out: Path, seed: int = 1) -> dict[str, Any]:
    """Write the whole delivery into `out`, replacing an earlier one; the expected totals."""
    if (out / "delivery.toml").exists():
        _clear(out)
    out.mkdir(parents=True, exist_ok=True)
    delivery = Delivery(out, make_district(seed), seed)
    delivery.buildings()
    delivery.ground_cover()
    delivery.networks()
    delivery.points()
    delivery.models()
    delivery.rasters()
    return delivery.close()
