"""Every layer there is, in drawing order; a new one is a function and an entry here."""

from typing import Final

from cim.declare import Catalogue
from layers import legends
from layers.bodies import draw_constructions, draw_elements, draw_relief
from layers.buildings import draw_buildings
from layers.flat import (
    draw_furniture,
    draw_green,
    draw_land_use,
    draw_places,
    draw_roads,
    draw_water,
    draw_zones,
)
from layers.imagery import draw_imagery
from layers.layer import Layer
from layers.measured import draw_values
from layers.pipes import draw_nodes, draw_pipes
from layers.terrain import FINEST_ZOOM, draw_terrain
from layers.trees import draw_trees

TWO_PIXELS: Final = {8: 0, 9: 1, 10: 1, 11: 2, 12: 3, 13: 4, 14: 5, 15: 6}
"""Least prominent rank by zoom, so that what is shown is at least about two pixels wide."""

EVERY_PIXEL: Final = {8: 1, 9: 2, 10: 3, 11: 4, 12: 5, 13: 6}
"""The same for shapes that together make a picture (roads, land use), at half that size."""

CROWD: Final = 2000
"""Solids in a tile below the last zoom."""

SHAPES: Final = 20_000
"""Points in a tile below the last zoom."""

MEASURED: Final = (
    ("land_cover", "Land cover", "地表覆盖"),
    ("index", "Index", "指数"),
    ("hazard", "Hazard", "灾害风险"),
    ("population", "Population", "人口"),
    ("night_lights", "Night lights", "夜间灯光"),
    ("surface", "Surface model", "地表模型"),
    ("other", "Other raster", "其他栅格"),
)
"""Kinds of rasters that are shown by their values; with terrain and imagery, all there are."""

LAYERS: Final = Catalogue(
    "layer",
    (
        Layer(
            name="terrain", title="Terrain", title_zh="地形", group="terrain", kind="terrain",
            draw=draw_terrain, max_zoom=FINEST_ZOOM, pickable=False,
        ),
        Layer(
            name="imagery", title="Imagery", title_zh="影像", group="imagery", kind="imagery",
            draw=draw_imagery, max_zoom=20, pickable=False,
        ),
        *(
            Layer(
                name=name, title=title, title_zh=title_zh, group="imagery", kind="imagery",
                draw=draw_values, max_zoom=20, visible=False, pickable=False,
            )
            for name, title, title_zh in MEASURED
        ),
        Layer(
            name="relief", title="Terrain surfaces", title_zh="地形面", group="terrain",
            kind="glb", draw=draw_relief, themes=("relief",), min_zoom=12, visible=False,
            legend=legends.RELIEF.legend,
        ),
        Layer(
            name="land_use", title="Land use", title_zh="土地利用", group="land_use", kind="mvt",
            draw=draw_land_use, themes=("land_use",), min_zoom=8, finest_rank=EVERY_PIXEL,
            opacity=0.7, legend=legends.LAND_USE.legend,
        ),
        Layer(
            name="green", title="Plant cover", title_zh="植被", group="vegetation", kind="mvt",
            draw=draw_green, themes=("vegetation",), classes=("PlantCover",), min_zoom=8,
            finest_rank=EVERY_PIXEL, opacity=0.8, legend=legends.GREEN.legend,
        ),
        Layer(
            name="water", title="Water", title_zh="水体", group="water", kind="mvt",
            draw=draw_water, themes=("water", "transportation"),
            classes=("WaterBody", "Waterway"), min_zoom=8, finest_rank=EVERY_PIXEL,
            legend=legends.WATER.legend,
        ),
        Layer(
            name="roads", title="Roads and railways", title_zh="道路与铁路", group="transportation",
            kind="mvt", draw=draw_roads, themes=("transportation",),
            classes=("Road", "Railway", "Square", "Track"), min_zoom=8, finest_rank=EVERY_PIXEL,
            legend=legends.ROADS.legend,
        ),
        Layer(
            name="zones", title="Zones and boundaries", title_zh="区域与边界", group="generic",
            kind="mvt", draw=draw_zones, themes=("generic",), classes=("GenericLogicalSpace",),
            min_zoom=8, finest_rank=EVERY_PIXEL, opacity=0.3, visible=False,
            legend=legends.ZONES.legend,
        ),
        Layer(
            name="pipes", title="Pipes and cables", title_zh="地下管线", group="utility",
            kind="glb", draw=draw_pipes, themes=("utility",), classes=("Pipe", "Cable", "Canal"),
            min_zoom=14, finest_rank=TWO_PIXELS, crowd=2 * CROWD, underground=True,
            legend=legends.NETWORKS.legend,
        ),
        Layer(
            name="nodes", title="Manholes and valves", title_zh="检查井与阀门", group="utility",
            kind="glb", draw=draw_nodes, themes=("utility",),
            classes=("Manhole", "Valve", "UtilityNode"), min_zoom=16, underground=True,
            legend=legends.NETWORKS.legend,
        ),
        Layer(
            name="trees", title="Trees", title_zh="树木", group="vegetation", kind="glb",
            draw=draw_trees, themes=("vegetation",), classes=("SolitaryVegetationObject",),
            min_zoom=15, crowd=2 * CROWD, legend=legends.TREES.legend,
        ),
        Layer(
            name="buildings", title="Buildings", title_zh="建筑", group="building", kind="glb",
            draw=draw_buildings, themes=("building",), min_zoom=12, finest_rank=TWO_PIXELS,
            crowd=CROWD, legend=legends.BUILDINGS.legend,
        ),
        Layer(
            name="constructions", title="Bridges and constructions", title_zh="桥梁与构筑物",
            group="construction", kind="glb", draw=draw_constructions, themes=("construction",),
            min_zoom=13, finest_rank=TWO_PIXELS, crowd=CROWD, legend=legends.CONSTRUCTIONS.legend,
        ),
        Layer(
            name="elements", title="Building elements (BIM)", title_zh="建筑构件（BIM）",
            group="element", kind="glb", draw=draw_elements, themes=("element",), min_zoom=16,
            max_zoom=18, legend=legends.ELEMENTS.legend,
        ),
        Layer(
            name="furniture", title="City furniture", title_zh="城市部件", group="furniture",
            kind="mvt", draw=draw_furniture, themes=("furniture",), min_zoom=15, crowd=SHAPES,
            legend=legends.FURNITURE.legend,
        ),
        Layer(
            name="places", title="Places", title_zh="地点", group="generic", kind="mvt",
            draw=draw_places, themes=("generic",), min_zoom=13, crowd=SHAPES,
            legend=legends.PLACES.legend,
        ),
    ),
)  # fmt: skip
"""All layers by name, the lowest first."""
