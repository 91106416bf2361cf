"""The city as it is shown: the catalogue of layers, their tiles and the pydeck scene."""

from layers.catalogue import LAYERS
from layers.layer import Layer, LegendEntry
from layers.scene import describe, scene
from layers.tiles import Tile, tile

__all__ = ["LAYERS", "Layer", "LegendEntry", "Tile", "describe", "scene", "tile"]
