"""What a layer of solids draws: triangles and the objects they belong to, and the GLB of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from layers.glb import FeatureTable, Surface, write
from layers.layer import TileRequest

if TYPE_CHECKING:
    from cim.store import ObjectRows

PIXEL_SHARE = 64.0
"""Positions are rounded to the width of the tile over 512 (its pixels) over this."""


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A surface whose features are the rows."""

    surface: Surface
    rows: "ObjectRows"


@dataclass(frozen=True)
class Solids:
    """Draws the GLB of one tile from the solids in it."""

    solids: Callable[[TileRequest], Drawn | None]
    """The solids of one tile; None if there are none."""

    def __call__(self, request: TileRequest) -> bytes:
        """The GLB; an object that could not be drawn is left out and counted."""
        drawn = self.solids(request)
        if drawn is None:
            return b""
        return write(
            drawn.surface,
            FeatureTable(drawn.rows.oid, drawn.rows.height, drawn.rows.class_code),
            about={"origin": list(request.address.centre), "layer": request.layer.name},
            precision=request.address.width / 512 / PIXEL_SHARE,
        )
