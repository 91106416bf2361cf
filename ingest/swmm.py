"""SWMM models (``.inp``): drains, manholes, subcatchments and devices, in SI units with heights."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import shapely

from cim.model import Finding
from ingest.features import Log
from ingest.inp import NetworkRows, parse, program, untold
from ingest.inp.place import placed, site_of
from ingest.inp.swmm import CLOSED, SECTIONS, TOLD, Link, Model, Node
from ingest.reader import Reader, Reading, ReadOptions, refuse


def open_swmm(path: Path, options: ReadOptions, work: Path) -> Reading:  # noqa: ARG001
    """The reading of a SWMM model.

    Objects are named by kind and identifier, ``conduit/C1``, because a node and a link may have
    the same identifier; nodes of the network have the plain one. The Z of a closed conduit is
    its axis, of an open channel its invert, of a node its invert. Sections that are no objects
    are kept with the object ``network``.

    Raises
    ------
    SourceError
        If anything in it is impossible; each fault is told with its line and section.
    """
    log = Log()
    document = parse(path, options, SECTIONS, log)
    model = Model(document, log)
    model.read()
    document.refuse_faults("SWMM")
    if not model.places:
        raise refuse(path, "it has no coordinates", "save it from SWMM with its map")
    site = site_of(model.drawing(), options)
    log.findings += site.findings
    rows = NetworkRows(options.network or _network(model))
    _objects(model, rows, site.scale)
    return placed(rows, site, document, log, american=model.american)


def _network(model: Model) -> str:
    """Rain runs into storm drains; a model with waste water and no catchments is of sewers."""
    sewage = bool(model.document.rows("DWF"))
    if not sewage:
        return "storm"
    network = "storm" if model.areas else "sewer"
    message = f"it has dry-weather flow, which is sewage; the network is taken as {network}"
    other = "sewer" if network == "storm" else "storm"
    hint = f"set the network to {other} if that is wrong"
    model.log.note(Finding("info", "network_guessed", message, hint, fix={"network": other}))
    return network


def _objects(model: Model, rows: NetworkRows, scale: float) -> None:
    kept = untold(model.document, TOLD, model.log)
    name, what = model.document.title(), f"{rows.network} network"
    rows.add("network", "CityObjectGroup", None, kept, name=name, function=what)
    for key, node in model.nodes.items():
        _add_node(model, rows, (key, node), scale)
    for key, link in model.links.items():
        _add_link(model, rows, (key, link), scale)
    for key, area in model.areas.items():
        ring = model.polygons.get(key, [])
        full = f"subcatchment/{area.name}"
        if len(ring) < 3:
            reason = f"[POLYGONS] has {len(ring)} points of it"
            model.log.reject(full, "no_coordinates", reason, area.row.text)
            continue
        shape = shapely.Polygon(np.array(ring) * scale)
        known = {"source_id": area.name} | area.attributes
        rows.add(full, "GenericLogicalSpace", shape, known, function="subcatchment")
    for key, row in model.gauges.items():
        full = f"rain gauge/{row.get(0)}"
        if key not in model.symbols:
            reason = "[SYMBOLS] does not have it"
            model.log.reject(full, "no_coordinates", reason, row.text)
            continue
        known = {"source_id": row.get(0), "rain_given_as": " ".join(row.fields[1:])}
        point = shapely.Point(np.array(model.symbols[key]) * scale)
        rows.add(full, "CityFurniture", point, known, function="rain gauge")


def _add_node(model: Model, rows: NetworkRows, found: tuple[str, Node], scale: float) -> None:
    key, node = found
    full = f"{node.kind}/{node.name}"
    if key not in model.places:
        model.log.reject(full, "no_coordinates", "[COORDINATES] does not have it", node.row.text)
        return
    x, y = (each * scale for each in model.places[key])
    known = {
        "source_id": node.name,
        "network": rows.network,
        "invert_m": node.invert,
        "depth_m": node.depth,
    }
    rows.add(
        full,
        "Manhole" if node.kind in {"junction", "divider"} else "UtilityNode",
        shapely.Point(x, y, node.invert),
        known | node.attributes,
        function=node.kind,
        ground_height=node.invert + node.depth,
    )
    rows.node(node.name, (x, y), node.invert, full)


def _add_link(model: Model, rows: NetworkRows, found: tuple[str, Link], scale: float) -> None:
    key, link = found
    full = f"{link.kind}/{link.name}"
    drawn = model.line(key)
    if drawn is None:
        reason = "a node where it ends has no coordinates"
        model.log.reject(full, "no_coordinates", reason, link.row.text)
        return
    line = shapely.transform(drawn, lambda xy: xy * scale)
    known: dict[str, Any] = {"source_id": link.name, "network": rows.network}
    if link.kind == "conduit":
        class_name = "Pipe" if link.shape in CLOSED else "Canal"
        levels = _levels(model, link)
        shape = _with_heights(line, levels, link)
        known |= levels
    else:
        class_name, shape = "UtilityNode", line.interpolate(0.5, normalized=True)
    rows.add(full, class_name, shape, known | link.attributes, function=link.kind)
    ends = (model.nodes[link.start].name, model.nodes[link.end].name)
    rows.edge(full, *ends, shape)


def _levels(model: Model, link: Link) -> dict[str, Any]:
    """Heights of invert, axis and crown at both ends, metres, and which of them Z is."""
    levels: dict[str, Any] = {}
    height = link.attributes.get("diameter_m", link.attributes.get("section_height_m", np.nan))
    for end, key, offset in zip(
        ("start", "end"), (link.start, link.end), link.offsets, strict=True
    ):
        invert = model.nodes[key].invert
        if model.by_elevation:
            invert = invert if np.isnan(offset) else offset
        else:
            invert += offset
        levels[f"invert_{end}_m"] = invert
        if link.shape in CLOSED:
            levels[f"axis_{end}_m"] = invert + height / 2
            levels[f"crown_{end}_m"] = invert + height
    levels["z_reference"] = "axis" if link.shape in CLOSED and np.isfinite(height) else "invert"
    return levels


def _with_heights(line: Any, levels: dict[str, Any], link: Link) -> Any:
    """The line with Z falling evenly along it; a dummy conduit has no heights."""
    if link.shape == "DUMMY":
        return line
    what = levels["z_reference"]
    first, last = levels[f"{what}_start_m"], levels[f"{what}_end_m"]
    xy = shapely.get_coordinates(line)
    steps = np.r_[0.0, np.cumsum(np.hypot(*np.diff(xy, axis=0).T))]
    z = first + (last - first) * (steps / (steps[-1] or 1.0))
    return shapely.LineString(np.column_stack([xy, z]))


def _recognised(path: Path) -> bool:
    return program(path) == "SWMM"


SWMM: Final = Reader("swmm", "SWMM model", (".inp", ".txt"), open_swmm, _recognised)
