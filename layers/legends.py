"""The legends: which colour stands for what, in English and Chinese.

The scheme follows Okabe and Ito (2008) and Tol (SRON/EPS/TN/09-002): neighbours in a legend
differ in lightness as well as in hue. Networks keep the colours of CJJ 61-2017.
"""

from collections.abc import Mapping
from types import MappingProxyType

from layers.colour import Category, Scheme

BUILDINGS = Scheme(
    (
        Category(
            "residential",
            "#e8cf9a",
            "Residential",
            "居住",
            (
                "resid",
                "house",
                "apartment",
                "dwelling",
                "detached",
                "terrace",
                "dormitory",
                "semidetached",
                "bungalow",
                "hut",
                "cabin",
                "farm",
                "1000",
                "住宅",
                "居住",
            ),
        ),
        Category(
            "commercial",
            "#d98c5f",
            "Shops and services",
            "商业服务",
            (
                "commerc",
                "retail",
                "shop",
                "hotel",
                "supermarket",
                "kiosk",
                "restaurant",
                "mall",
                "market",
                "bank",
                "商",
            ),
        ),
        Category("office", "#7fa7c9", "Offices", "办公", ("office", "business", "办公")),
        Category(
            "public",
            "#b58ac2",
            "Public and cultural",
            "公共服务",
            (
                "public",
                "school",
                "hospital",
                "univ",
                "college",
                "kindergarten",
                "civic",
                "government",
                "church",
                "cathedral",
                "chapel",
                "mosque",
                "temple",
                "relig",
                "museum",
                "library",
                "sport",
                "stadium",
                "fire_station",
                "train_station",
                "clinic",
                "教育",
                "医",
                "文化",
                "公共",
                "行政",
            ),
        ),
        Category(
            "industrial",
            "#8d8a7d",
            "Industry and storage",
            "工业仓储",
            (
                "indust",
                "warehouse",
                "factory",
                "manufactur",
                "storage",
                "silo",
                "hangar",
                "power",
                "工业",
                "仓",
            ),
        ),
        Category(
            "minor",
            "#c9c4b4",
            "Garages and outbuildings",
            "附属用房",
            ("garage", "shed", "carport", "roof", "greenhouse", "barn", "stable", "outbuild"),
        ),
        Category("planned", "#f0b400", "Planned or under construction", "规划或在建"),
        Category(
            "height unknown", "#a7a9ac", "Height unknown (drawn low)", "高度未知（按低矮绘制）"
        ),
        Category("other", "#dedbd3", "Other or unknown use", "其他或用途未知"),
    )
)

SURFACES: Mapping[str, Category] = MappingProxyType(
    {
        each.name: each
        for each in (
            Category("RoofSurface", "#b5533c", "Roof", "屋面"),
            Category("WallSurface", "#e9e2d3", "Wall", "墙面"),
            Category("GroundSurface", "#8c8c8c", "Ground surface", "底面"),
            Category("Window", "#6fa8c9", "Window", "窗"),
            Category("Door", "#7a5230", "Door", "门"),
            Category("ClosureSurface", "#d8d8d8", "Closure", "封闭面"),
            Category("OuterCeilingSurface", "#cfc6b5", "Overhang", "外檐底面"),
            Category("OuterFloorSurface", "#c2a58a", "Terrace", "外部楼面"),
            Category("RoofEdgeSurface", "#8f3f2c", "Roof edge", "屋檐"),
        )
    }
)
"""Semantic surfaces of CityGML; their usual colours, roofs red-brown and walls light."""

NETWORKS = Scheme(
    (
        Category(
            "water", "#0072e5", "Water supply", "给水", ("water", "js", "drinking", "给水", "供水")
        ),
        Category(
            "storm", "#8a5a2b", "Storm drainage", "雨水", ("storm", "ys", "drain", "rain", "雨")
        ),
        Category("sewer", "#5c3a17", "Foul sewer", "污水", ("sew", "ws", "foul", "waste", "污")),
        Category("gas", "#ff7fbf", "Gas", "燃气", ("gas", "rq", "tr", "mq", "燃气", "天然气")),
        Category(
            "heat", "#f28c1e", "District heating", "热力", ("heat", "rl", "rs", "steam", "热")
        ),
        Category(
            "power",
            "#e01e1e",
            "Electric power",
            "电力",
            ("power", "dl", "gd", "ld", "elec", "电力", "供电", "路灯"),
        ),
        Category(
            "telecom",
            "#17a34a",
            "Telecommunication",
            "电信",
            ("tele", "dx", "comm", "cable", "fibre", "电信", "通信"),
        ),
        Category("other", "#8e8e99", "Other or unknown network", "其他或未知管线"),
    )
)
"""Pipes in the colours of CJJ 61-2017."""

LAND_USE = Scheme(
    (
        Category(
            "residential",
            "#f4e3b2",
            "Residential",
            "居住用地",
            ("resid", "0701", "0702", "07", "居住", "r1", "r2", "r3"),
        ),
        Category(
            "public",
            "#e3b7d4",
            "Public services",
            "公共管理与公共服务用地",
            (
                "educ",
                "school",
                "hosp",
                "public",
                "civic",
                "relig",
                "univ",
                "college",
                "08",
                "公共",
                "a1",
                "a2",
                "a3",
                "a4",
                "a5",
            ),
        ),
        Category(
            "commercial",
            "#f0a58f",
            "Commerce",
            "商业服务业用地",
            ("commerc", "retail", "09", "商", "b1", "b2", "b3"),
        ),
        Category(
            "industrial",
            "#c3a6a0",
            "Industry",
            "工矿用地",
            ("indust", "quarry", "landfill", "10", "工", "m1", "m2", "m3"),
        ),
        Category(
            "storage",
            "#b9a8d0",
            "Storage",
            "仓储用地",
            ("storage", "depot", "warehouse", "11", "仓", "w1", "w2", "w3"),
        ),
        Category(
            "transport",
            "#c4c7cc",
            "Transport",
            "交通运输用地",
            ("railway", "road", "parking", "garages", "transport", "12", "交通", "s1", "s2"),
        ),
        Category(
            "utilities",
            "#9fb7c4",
            "Utilities",
            "公用设施用地",
            ("util", "power", "13", "公用", "u1", "u2"),
        ),
        Category(
            "green",
            "#b7d8a0",
            "Parks and open space",
            "绿地与开敞空间用地",
            (
                "park",
                "green",
                "recreat",
                "village_green",
                "cemetery",
                "sport",
                "14",
                "绿",
                "g1",
                "g2",
            ),
        ),
        Category(
            "farmland",
            "#e4e8b0",
            "Farmland",
            "耕地与园地",
            (
                "farm",
                "orchard",
                "vineyard",
                "allot",
                "meadow",
                "grass",
                "01",
                "02",
                "04",
                "耕",
                "园",
            ),
        ),
        Category("forest", "#8fbf8a", "Forest", "林地", ("forest", "wood", "03", "林")),
        Category(
            "water",
            "#a8cde6",
            "Water and wetland",
            "湿地与水域",
            ("water", "basin", "reservoir", "wetland", "05", "17", "水"),
        ),
        Category(
            "construction",
            "#e0c9a0",
            "Reserved or under construction",
            "留白用地或在建",
            ("construct", "brown", "16", "留白"),
        ),
        Category("other", "#e6e4de", "Other or unknown use", "其他或未知用地"),
    )
)
"""Land use by the groups of China's 2023 national code list, and OpenStreetMap's words."""

ROADS = Scheme(
    (
        Category(
            "major",
            "#d9903d",
            "Major road",
            "主干路",
            ("motorway", "trunk", "primary", "expressway", "快速", "主干"),
        ),
        Category(
            "secondary", "#e8bf5a", "Secondary road", "次干路", ("secondary", "tertiary", "次干")
        ),
        Category(
            "path",
            "#a9b08c",
            "Path",
            "小路",
            ("foot", "path", "cycle", "pedestrian", "steps", "track", "bridleway", "track"),
        ),
        Category(
            "rail", "#6b6f7a", "Railway", "铁路", ("rail", "tram", "subway", "light_rail", "narrow")
        ),
        Category("square", "#d8d0c4", "Square", "广场", ("square", "plaza")),
        Category("minor", "#f2efe6", "Minor road", "支路", ()),
    )
)

WATER = Scheme((Category("water", "#7fb4dc", "Water", "水体"),))
GREEN = Scheme((Category("green", "#9ccb86", "Plant cover", "植被"),))
ZONES = Scheme((Category("zone", "#7d5ba6", "Zone or boundary", "区域或边界"),))
PLACES = Scheme((Category("place", "#b0413e", "Place", "地点"),))
FURNITURE = Scheme((Category("furniture", "#5b6770", "City furniture", "城市部件"),))
RELIEF = Scheme((Category("relief", "#b9b39a", "Terrain surface", "地形面"),))

TREES = Scheme(
    (
        Category("tree", "#5f9e52", "Tree", "树木"),
        Category(
            "height unknown",
            "#9fb89a",
            "Tree, height unknown (drawn 6 m)",
            "树木，高度未知（按6米绘制）",
        ),
    )
)
TRUNK = "#7a5c3e"

CONSTRUCTIONS = Scheme(
    (
        Category("Bridge", "#9aa3ad", "Bridge", "桥梁", ("bridge",)),
        Category("Tunnel", "#6d6875", "Tunnel", "隧道", ("tunnel",)),
        Category("OtherConstruction", "#b7aca0", "Other construction", "其他构筑物", ()),
    )
)

ELEMENTS = Scheme(
    (
        Category("Window", "#6fa8c9", "Window", "窗", ("window",)),
        Category("Door", "#7a5230", "Door", "门", ("door",)),
        Category(
            "BuildingInstallation", "#7f9c6c", "Installation", "设施", ("buildinginstallation",)
        ),
        Category("BuildingFurniture", "#b58a5a", "Furniture", "家具", ("buildingfurniture",)),
        Category("BuildingConstructiveElement", "#d9d4c8", "Constructive element", "建筑构件", ()),
    )
)
"""Building elements that bring no material of their own."""
