"""What a format does not carry of a city: told at export, so that nobody finds out later."""

import numpy as np
import shapely

from cim.exchange.flat import connected
from cim.model import CityModel

TOLERANCE = 1e-3
"""Metres by which the stated length of an edge may differ from that of its line."""


def of_tables(model: CityModel) -> list[str]:
    """What tables of features leave out: surfaces, rasters, what a network has beside objects."""
    lods = model.objects.get("lod", [])
    detailed = sum(isinstance(each, str) and each >= "1" for each in lods)
    return [*_surfaces(detailed), *_rasters(model), *_networks(model)]


def of_cityjson(model: CityModel) -> list[str]:
    """What CityJSON leaves out or says otherwise."""
    found = _rasters(model)
    if len(model.edges) or len(model.nodes):
        found.append("networks (nodes and edges) are left out; their pipes and manholes stay")
    shapes = model.objects.geometry.to_numpy()
    bare = np.array([not model.meshes.get(int(oid)) for oid in model.objects.index], bool)
    areas = bare & (shapely.get_dimensions(shapes) == 2)
    if areas.any():
        found.append(
            f"{int(areas.sum())} outlines become surfaces: blocks (LoD1) where they have a height,"
            " else flat ones (LoD0), at 0 m where the ground is unknown"
        )
    if (~bare).any():
        found.append(
            f"the outlines of {int((~bare).sum())} objects are left out: their surfaces tell them"
        )
    return found


def _surfaces(count: int) -> list[str]:
    if not count:
        return []
    return [f"the surfaces (LoD1 and better) of {count} objects are left out; their outlines stay"]


def _rasters(model: CityModel) -> list[str]:
    count = len(model.coverages)
    return [f"{count} rasters are left out"] if count else []


def _networks(model: CityModel) -> list[str]:
    found = []
    known = {(each["network"], each["node_id"])
             for each in connected(model).values() if "node_id" in each}  # fmt: skip
    loose = [
        pair
        for pair in zip(model.nodes.get("network", ()), model.nodes.get("node_id", ()), strict=True)
        if pair not in known
    ]
    if loose:
        found.append(f"{len(loose)} network nodes are left out: no exported object stands there")
    many = len(model.edges) - len(set(model.edges.index))
    if many:
        found.append(f"{many} network edges are left out: their objects have others")
    if len(model.edges):
        shapes = model.objects.geometry.reindex(model.edges.index).to_numpy()
        measured = np.array([_length(each) for each in shapes])
        wrong = np.abs(measured - model.edges["length"].to_numpy(np.float64)) > TOLERANCE
        if wrong.any():
            found.append(
                f"the stated lengths of {int(wrong.sum())} network edges are left out:"
                " they will be measured"
            )
    return found


def _length(shape: shapely.Geometry | None) -> float:
    """Along the slope, where there are heights."""
    total = 0.0
    for line in shapely.get_parts(shape).tolist() if shape is not None else ():
        step = np.diff(shapely.get_coordinates(line, include_z=True), axis=0)
        total += float(np.linalg.norm(np.nan_to_num(step), axis=1).sum())
    return total
