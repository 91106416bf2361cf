"""EPANET models (``.inp``): water networks as pipes, valves, pumps and nodes, in SI units."""

from pathlib import Path
from typing import Final

import shapely

from cim.model import Finding
from ingest.features import Log
from ingest.inp import NetworkRows, parse, program, untold
from ingest.inp.epanet import SECTIONS, TOLD, Link, Model, Node
from ingest.inp.place import placed, site_of
from ingest.reader import Reader, Reading, ReadOptions, refuse


def open_epanet(path: Path, options: ReadOptions, work: Path) -> Reading:  # noqa: ARG001
    """The reading of an EPANET model.

    Objects are named by kind and identifier, ``pipe/12``, because a node and a link may have the
    same identifier; nodes of the network have the plain one. Elevations are the nodes'; nobody
    says how deep the pipes lie, so lines have no Z. Sections that are no objects are kept with
    the object ``network``.

    Raises
    ------
    SourceError
        If anything in it is impossible; each fault is told with its line and section.
    """
    log = Log()
    document = parse(path, options, SECTIONS, log)
    model = Model(document, options.network or "water", log)
    model.read()
    document.refuse_faults("EPANET")
    if not model.places:
        raise refuse(path, "it has no coordinates", "export it from EPANET with its map")
    site = site_of(model.drawing(), options)
    log.findings += site.findings
    rows = NetworkRows(model.network)
    _objects(model, rows, site.scale)
    return placed(rows, site, document, log, american=model.american)


def _objects(model: Model, rows: NetworkRows, scale: float) -> None:
    """Puts everything into `rows`, with coordinates times `scale`."""
    kept = untold(model.document, TOLD, model.log)
    title = model.document.title()
    rows.add("network", "CityObjectGroup", None, kept, name=title, function="water network")
    for name, node in model.nodes.items():
        _node_object(model, rows, name, node, scale)
    for name, link in model.links.items():
        _link_object(model, rows, name, link, scale)
    message = "elevations are those of nodes: how deep the pipes lie is not said"
    model.log.note(Finding("info", "pipe_heights_unknown", message))


def _node_object(model: Model, rows: NetworkRows, name: str, node: Node, scale: float) -> None:
    full = f"{node.kind}/{name}"
    if name not in model.places:
        model.log.reject(full, "no_coordinates", "[COORDINATES] does not have it", node.row.text)
        return
    x, y = (each * scale for each in model.places[name])
    known = node.elevation == node.elevation
    point = shapely.Point(x, y, node.elevation) if known else shapely.Point(x, y)
    attributes = {"source_id": name, "network": model.network, "elevation_m": node.elevation}
    rows.add(full, "UtilityNode", point, attributes | node.attributes, function=node.kind)
    rows.node(name, (x, y), node.elevation, full)


def _link_object(model: Model, rows: NetworkRows, name: str, link: Link, scale: float) -> None:
    full = f"{link.kind}/{name}"
    line = model.line(name, link)
    if line is None:
        reason = "a node where it ends has no coordinates"
        model.log.reject(full, "no_coordinates", reason, link.row.text)
        return
    line = shapely.transform(line, lambda xy: xy * scale)
    shape = line if link.kind == "pipe" else line.interpolate(0.5, normalized=True)
    class_name = {"pipe": "Pipe", "valve": "Valve"}.get(link.kind, "UtilityNode")
    attributes = {"source_id": name, "network": model.network} | link.attributes
    rows.add(full, class_name, shape, attributes, function=link.kind)
    rows.edge(full, link.start, link.end, shape)


def _recognised(path: Path) -> bool:
    return program(path) == "EPANET"


EPANET: Final = Reader("epanet", "EPANET model", (".inp", ".txt"), open_epanet, _recognised)
