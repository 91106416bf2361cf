"""The scene: which layers a city has, and the pydeck deck that shows them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import cos, log2, radians
from typing import TYPE_CHECKING, Any

import pydeck
from pydeck.types import String

from cim.model import Coverage
from cim.schema import CLASS_BY_CODE
from layers.catalogue import LAYERS
from layers.layer import Layer, LegendEntry
from layers.measured import legend_of
from layers.pictures import Picture, layer_id, pictures
from layers.rasters import finest_zoom
from layers.terrain import terrain_of

if TYPE_CHECKING:
    from cim.store import CityInfo, Store

DECK_TYPES = {"glb": "CimMeshTileLayer", "mvt": "CimVectorLayer", "terrain": "CimTerrainLayer"}
"""Our layer classes, registered with deck.gl's JSONConverter by the page."""

WINDOW = (1280, 800)
"""Pixels of the window that the whole city is fitted into at first."""

CLOSER = 1.3
"""Zoom levels nearer than what shows all of a city: buildings are what people look for."""

EMPTY_CAMERA = {"longitude": 0.0, "latitude": 20.0, "zoom": 1.5}

FEATURE_COLOUR = "[properties.r, properties.g, properties.b]"

LINE_WIDTHS: Mapping[str, float | str] = {"roads": "properties.width", "water": 4, "zones": 2}
"""Metres, or where each feature says them."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A layer that a city has, with what the city adds to its declaration."""

    layer: Layer
    id: str
    title: str
    title_zh: str
    min_zoom: int
    max_zoom: int
    visible: bool
    count: int | None
    attribution: str
    legend: tuple[LegendEntry, ...]

    @property
    def path(self) -> str:
        """Address of its tiles below the version."""
        return f"{self.id}/{{z}}/{{x}}/{{y}}.{self.layer.suffix}"

    @property
    def json(self) -> dict[str, Any]:
        """As the HTTP contract lists a layer."""
        layer = self.layer
        return {
            "id": self.id,
            "title": self.title,
            "title_zh": self.title_zh,
            "group": layer.group,
            "kind": layer.kind,
            "visible": self.visible,
            "opacity": layer.opacity,
            "min_zoom": self.min_zoom,
            "max_zoom": self.max_zoom,
            "pickable": layer.pickable,
            "underground": layer.underground,
            "count": self.count,
            "legend": [
                {"color": each.color, "label": each.label, "label_zh": each.label_zh}
                for each in self.legend
            ],
            "attribution": self.attribution,
        }


def describe(store: "Store", *, clearance: str = "internal") -> list[dict[str, Any]]:
    """The layers of which the city has anything, in drawing order, as the HTTP API lists them."""
    return [each.json for each in _shown(store, store.info(clearance), clearance)]


def _shown(store: "Store", info: "CityInfo", clearance: str) -> Iterator[Shown]:
    credits = {
        str(each["dataset"]): str(each.get("attribution") or each.get("licence") or "")
        for each in store.datasets(clearance)
    }
    everyone = "; ".join(sorted({each for each in credits.values() if each}))
    for layer in LAYERS.values():
        if layer.kind == "terrain":
            yield from _terrain(layer, terrain_of(store, None, clearance), credits)
        elif layer.kind == "imagery":
            yield from _pictures(layer, pictures(store, layer, clearance), credits)
        else:
            count = sum(info.classes.get(CLASS_BY_CODE[code].name, 0) for code in layer.codes)
            if count:
                yield Shown(
                    layer, layer.name, layer.title, layer.title_zh, layer.min_zoom,
                    layer.max_zoom, layer.visible, count, everyone, layer.legend,
                )  # fmt: skip


def _terrain(
    layer: Layer, coverages: Sequence[Coverage], credits: Mapping[str, str]
) -> Iterator[Shown]:
    if coverages:
        yield Shown(
            layer, layer.name, layer.title, layer.title_zh, layer.min_zoom,
            min(layer.max_zoom, max(map(finest_zoom, coverages))), layer.visible, None,
            _credit(coverages, credits), layer.legend,
        )  # fmt: skip


def _pictures(
    layer: Layer, found: Mapping[str, Picture], credits: Mapping[str, str]
) -> Iterator[Shown]:
    """A layer for each picture; of those shown at first, only the last is."""
    for number, (variant, each) in enumerate(found.items()):
        yield Shown(
            layer, layer_id(layer, variant), each.title(layer.title), each.title(layer.title_zh),
            layer.min_zoom, min(layer.max_zoom, max(map(finest_zoom, each.coverages))),
            layer.visible and number == 0, None, _credit(each.coverages, credits),
            legend_of(each) if layer.name != "imagery" else layer.legend,
        )  # fmt: skip


def _credit(coverages: Sequence[Coverage], credits: Mapping[str, str]) -> str:
    datasets = {
        each.name if each.name in credits else each.name.rpartition("/")[0] for each in coverages
    }
    return "; ".join(sorted({credits.get(each, "") for each in datasets} - {""}))


def scene(
    store: "Store", *, base_url: str = "", lang: str = "en", clearance: str = "internal"
) -> pydeck.Deck:
    """The pydeck deck of the city: camera, view and layers, tiles addressed below `base_url`.

    Its JSON is what the page draws through deck.gl's JSONConverter; it names our own layer
    classes (`DECK_TYPES`), deck.gl's for everything else.
    """
    info = store.info(clearance)
    shown = list(_shown(store, info, clearance))
    root = f"{base_url}/tiles/{store.id}/{info.version}/"
    imagery = [each for each in shown if each.layer.kind == "imagery"]
    drawn = [each for each in shown if each.layer.kind in {"glb", "mvt"}]
    return pydeck.Deck(
        layers=[_ground(shown, imagery, root), *(_deck_layer(each, root, lang) for each in drawn)],
        views=[pydeck.View(type="MapView", controller={"maxPitch": 85, "inertia": 250})],
        initial_view_state=pydeck.ViewState(**camera(info.bbox)),
        map_provider=None,
        map_style=None,
        tooltip=False,
    )


def _ground(shown: list[Shown], imagery: list[Shown], root: str) -> pydeck.Layer:
    terrain = next((each for each in shown if each.layer.kind == "terrain"), None)
    grounds = [
        {"id": each.id, "data": root + each.path, "maxZoom": each.max_zoom} for each in imagery
    ]
    first = next((each for each in imagery if each.visible), None)
    return pydeck.Layer(
        DECK_TYPES["terrain"],
        data=root + terrain.path if terrain else None,
        id="terrain",
        min_zoom=terrain.min_zoom if terrain else 0,
        max_zoom=terrain.max_zoom if terrain else 0,
        imagery=String(root + first.path if first else ""),
        imagery_max_zoom=first.max_zoom if first else 0,
        pictures=grounds,
        elevation_decoder={"rScaler": 6553.6, "gScaler": 25.6, "bScaler": 0.1, "offset": -10000},
        pickable=False,
    )


def _deck_layer(shown: Shown, root: str, lang: str) -> pydeck.Layer:
    layer = shown.layer
    options: dict[str, Any] = {
        "min_zoom": shown.min_zoom,
        "max_zoom": shown.max_zoom,
        "visible": shown.visible,
        "opacity": layer.opacity,
        "pickable": layer.pickable,
        "title": String(shown.title_zh if lang == "zh" else shown.title),
        "underground": layer.underground,
    }
    if layer.kind == "mvt":
        options |= {
            "get_fill_color": FEATURE_COLOUR,
            "get_line_color": FEATURE_COLOUR,
            "get_line_width": LINE_WIDTHS.get(layer.name, 1),
            "line_width_min_pixels": 1,
            "get_point_radius": 4,
            "point_radius_units": String("pixels"),
            "point_type": String("circle"),
            "unique_id_property": String("oid"),
        }
    return pydeck.Layer(DECK_TYPES[layer.kind], data=root + shown.path, id=shown.id, **options)


def camera(bbox: tuple[float, float, float, float] | None) -> dict[str, float]:
    """Where the camera stands at first: over the middle of the city, seeing most of it."""
    if bbox is None:
        return EMPTY_CAMERA | {"pitch": 0, "bearing": 0}
    west, south, east, north = bbox
    latitude = (south + north) / 2
    across = max(east - west, 1e-4) / 360
    up = max(north - south, 1e-4) / 360 / cos(radians(latitude))
    zoom = min(log2(WINDOW[0] / 512 / across), log2(WINDOW[1] / 512 / up)) + CLOSER
    return {
        "longitude": (west + east) / 2,
        "latitude": latitude,
        "zoom": round(min(max(zoom, 1.0), 17.0), 2),
        "pitch": 50,
        "bearing": 0,
    }
