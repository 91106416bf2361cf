"""A city as files of solids for other programs: 3D Tiles and GLB.

A file or folder appears whole or not at all: it is made beside its destination and then renamed.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cim.declare import Catalogue
from cim.errors import ConflictError, InputError, NotFoundError
from layers.export_request import FINEST, Part, joined, solids, table_of
from layers.glb import write
from layers.tileset import write_tileset


@dataclass(frozen=True, slots=True)
class Export:
    """A way to write the solids of a city."""

    name: str
    title: str
    suffixes: tuple[str, ...]
    media_type: str
    write: Callable[[Part, Path], int]
    """Writes a new file or into an empty folder; gives the number of objects in it."""
    folder: bool = False
    losses: tuple[str, ...] = ()
    """What it cannot carry."""


def write_glb(part: Part, path: Path) -> int:
    """One GLB in the city's CRS: x east, y up, z south from the origin that its extras name.

    Raises
    ------
    InputError
        If there is nothing with a body to export.
    """
    origin = part.origin
    drawn = [solids(part, address, origin) for address in part.addresses(FINEST)]
    found = [each for each in drawn if each is not None]
    if not found:
        raise InputError("nothing of it has a body", where=part.store.location)
    whole = joined(found)
    about = {
        "city": part.store.name,
        "version": part.store.version(),
        "crs": part.store.crs_name,
        "origin": [*origin, 0.0],
        "height_datum": part.store.height_datum or "unknown",
    }
    path.write_bytes(write(whole.surface, table_of(whole.rows), about=about))
    return len(set(whole.rows.oid[whole.surface.features].tolist()))


_SHOWN_ONLY = (
    "only objects with a body are in it: no land use, water, roads, places, networks or rasters",
    "footprints are raised to blocks; attributes other than class, name, function, height and"
    " identifiers are left out",
)

EXPORTS: Catalogue[Export] = Catalogue(
    "format",
    (
        Export(
            "3dtiles", "3D Tiles 1.1, a folder with tileset.json", (".3dtiles",),
            "application/json", write_tileset, folder=True,
            losses=(
                *_SHOWN_ONLY,
                "heights are above the city's datum, not above the ellipsoid of a globe",
            ),
        ),
        Export(
            "glb", "GLB (glTF 2.0), one file, metres of the city's CRS", (".glb",),
            "model/gltf-binary", write_glb, losses=_SHOWN_ONLY,
        ),
    ),
)  # fmt: skip
"""Every way to write solids."""


def export(part: Part, path: Path, name: str) -> int:
    """Write the part of a city to `path`; how many objects are in it.

    Raises
    ------
    NotFoundError
        If there is no such format, or the folder does not exist.
    ConflictError
        If a folder is in the place of a new one.
    InputError
        If there is nothing to export or it cannot be written.
    """
    chosen = EXPORTS[name]
    if not path.absolute().parent.is_dir():
        raise NotFoundError("no such folder", where=str(path.parent), hint="make it first")
    if chosen.folder and path.exists():
        raise ConflictError("there is something already", where=str(path), hint="remove it first")
    with tempfile.TemporaryDirectory(prefix=".cim-", dir=path.absolute().parent) as folder:
        whole = Path(folder) / "export"
        try:
            if chosen.folder:
                whole.mkdir()
            count = chosen.write(part, whole)
            whole.replace(path)
        except OSError as error:
            raise InputError(
                f"cannot be written: {error.strerror or error}", where=str(path)
            ) from error
    return count
