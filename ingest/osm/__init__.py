"""OpenStreetMap extracts, PBF or XML: buildings, roads with their network, water, green, places.

Object ids are OSM's: ``way/123``, ``relation/5``, ``node/9``. A road is divided where it meets
another one: each piece is an object ``way/123#1``, ``way/123#2`` … and an edge of the network
between two OSM nodes; a road that is not divided stays ``way/123``. Everything tagged keeps all
its tags as attributes.
"""

from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import osmium
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import Geod

from cim.errors import SourceError
from cim.model import Batch, Finding, Rejection
from ingest import referencing
from ingest.osm import tags as osm_tags
from ingest.reader import Reader, Reading, ReadOptions, refuse

ATTRIBUTION: Final = "© OpenStreetMap contributors, ODbL 1.0"

BATCH_ROWS: Final = 20_000
"""Rows of a batch: with their tags some twenty megabytes."""

LARGE: Final = 400_000_000
"""Bytes of a file above which node locations are kept on disk, not in memory."""

GEOD: Final = Geod(ellps="WGS84")

Ints = NDArray[np.int64]


def _recognised(path: Path) -> bool:
    """Whether a ``.pbf`` is OpenStreetMap's and not a map tile."""
    if path.name.lower().endswith((".osm.pbf", ".osm", ".osm.bz2", ".osm.gz")):
        return True
    with path.open("rb") as file:
        return b"OSMHeader" in file.read(64)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what osmium raises into an error that says what to do."""
    try:
        yield
    except (RuntimeError, OSError, ValueError, osmium.InvalidLocationError) as error:
        if isinstance(error, SourceError):
            raise
        cut = "EOF" in str(error) or "truncated" in str(error)
        hint = "the file is cut off; download it again" if cut else "check the file with osmium"
        raise refuse(path, f"cannot be read as OpenStreetMap data: {error}", hint) from None


@dataclass(slots=True)
class _Columns:
    """Rows on their way into a batch."""

    ids: list[str] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)
    known: list[dict[str, Any]] = field(default_factory=list)
    attributes: list[dict[str, str]] = field(default_factory=list)
    wkb: dict[int, str] = field(default_factory=dict)
    """Polygons as hexadecimal WKB, by row."""
    points: dict[int, tuple[float, float]] = field(default_factory=dict)
    lines: dict[int, list[tuple[float, float]]] = field(default_factory=dict)
    edges: list[tuple[str, int, int, int]] = field(default_factory=list)
    """Network, row, start and end node."""
    nodes: list[tuple[str, str, float, float]] = field(default_factory=list)

    def add(self, object_id: str, class_name: str, tags: Mapping[str, str]) -> int:
        """A new row; its number."""
        self.ids.append(object_id)
        self.classes.append(class_name)
        self.known.append(osm_tags.columns(class_name, tags))
        self.attributes.append(dict(tags))
        return len(self.ids) - 1

    def batch(self) -> Batch:
        """The rows as tables."""
        frame = pd.DataFrame(self.known, index=range(len(self.ids)))
        for column in frame.columns.intersection(_REALS):
            frame[column] = frame[column].astype("float64")
        frame.insert(0, "object_id", self.ids)
        frame.insert(1, "class", self.classes)
        shapes, lengths = self._geometries()
        frame["geometry"] = pd.Series(shapes, dtype=object)
        frame["attributes"] = pd.Series(self.attributes, dtype=object)
        return Batch(frame, nodes=self._nodes(), edges=self._edges(lengths))

    def _geometries(self) -> tuple[NDArray[np.object_], dict[int, float]]:
        """(rows,) shapely geometries, and the geodesic length of each line in metres."""
        shapes = np.full(len(self.ids), None, dtype=object)
        if self.wkb:
            whole = np.asarray(shapely.from_wkb(np.array(list(self.wkb.values()), object)))
            single = shapely.get_num_geometries(whole) == 1
            whole[single] = shapely.get_geometry(whole[single], 0)
            shapes[list(self.wkb)] = whole
        if self.points:
            shapes[list(self.points)] = shapely.points(list(self.points.values()))
        if not self.lines:
            return shapes, {}
        sizes = np.fromiter(map(len, self.lines.values()), np.int64, len(self.lines))
        flat = np.concatenate([np.array(line) for line in self.lines.values()])
        number = np.repeat(np.arange(len(sizes)), sizes)
        shapes[list(self.lines)] = shapely.linestrings(flat, indices=number)
        start, end = flat[:-1], flat[1:]
        _, _, steps = GEOD.inv(start[:, 0], start[:, 1], end[:, 0], end[:, 1])
        same = number[:-1] == number[1:]
        lengths = np.bincount(number[:-1][same], np.asarray(steps)[same], len(sizes))
        return shapes, dict(zip(self.lines, lengths.tolist(), strict=True))

    def _edges(self, lengths: Mapping[int, float]) -> pd.DataFrame | None:
        if not self.edges:
            return None
        return pd.DataFrame(
            [
                (network, self.ids[row], str(start), str(end), lengths[row])
                for network, row, start, end in self.edges
            ],
            columns=["network", "object_id", "start_node", "end_node", "length"],
        )

    def _nodes(self) -> pd.DataFrame | None:
        if not self.nodes:
            return None
        return pd.DataFrame(self.nodes, columns=["network", "node_id", "x", "y"])


_REALS: Final = ["height", "storeys_above_ground", "storeys_below_ground"]


@dataclass(slots=True)
class _Extract:
    """One file being read."""

    path: Path
    storage: str
    junctions: Mapping[str, frozenset[int]]
    """By network, nodes that its lines pass more than once."""
    rejected: list[Rejection] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    rows: _Columns = field(default_factory=_Columns)
    seen: dict[str, set[int]] = field(default_factory=lambda: {"road": set(), "rail": set()})
    waiting: dict[str, Rejection] = field(default_factory=dict)
    """Areas that were announced but not yet assembled."""
    ignored: Counter[str] = field(default_factory=Counter)
    cut: int = 0
    """Lines that leave the extract."""

    def batches(self) -> Iterator[Batch]:
        """Everything in the file that is a city object."""
        factory = osmium.geom.WKBFactory()
        with _explained(self.path):
            for each in self._tagged():
                if each.is_node():
                    self._node(each)
                elif each.is_way():
                    self._way(each)
                elif each.is_area():
                    self._area(each, factory)
                else:
                    self._relation(each)
                if len(self.rows.ids) >= BATCH_ROWS:
                    yield self._flushed()
        if self.rows.ids:
            yield self._flushed()
        self.rejected.extend(self.waiting.values())
        self._report()

    def _tagged(self) -> Iterator[Any]:
        processor = osmium.FileProcessor(str(self.path)).with_locations(self.storage)
        return iter(processor.with_areas().with_filter(osmium.filter.EmptyTagFilter()))

    def _flushed(self) -> Batch:
        rows, self.rows = self.rows, _Columns()
        return rows.batch()

    def _node(self, node: Any) -> None:
        tags = dict(node.tags)
        class_name = osm_tags.point_class(tags)
        if not class_name:
            self._ignore(tags)
        elif node.location.valid():
            row = self.rows.add(f"node/{node.id}", class_name, tags)
            self.rows.points[row] = (node.lon, node.lat)
        else:
            reason = "its position is not on Earth"
            self.rejected.append(Rejection(f"node/{node.id}", "bad_location", reason, str(tags)))

    def _way(self, way: Any) -> None:
        tags, name = dict(way.tags), f"way/{way.id}"
        line = osm_tags.line_class(tags)
        if line:
            self._line(name, line, tags, way.nodes)
        elif not way.is_closed() and not osm_tags.is_always_area(tags):
            self._ignore(tags)
        elif osm_tags.area_class(tags):
            if tags.get("area") == "no" or not way.is_closed():
                self._reject(name, "not_closed", "it is to be an area but is not closed", tags)
            elif all(node.location.valid() for node in way.nodes):
                self._await(name, "bad_ring", "its outline crosses itself", tags)
            else:
                self._await(name, "missing_nodes", "some of its nodes are not in the file", tags)
        else:
            self._ignore(tags)

    def _relation(self, relation: Any) -> None:
        tags = dict(relation.tags)
        if tags.get("type") == "multipolygon" and osm_tags.area_class(tags):
            reason = "its outline is not closed, or some of its ways are not in the file"
            self._await(f"relation/{relation.id}", "incomplete_relation", reason, tags)
        else:
            self._ignore(tags)

    def _area(self, area: Any, factory: Any) -> None:
        name = f"{'way' if area.from_way() else 'relation'}/{area.orig_id()}"
        if name not in self.waiting or not area.num_rings()[0]:
            return  # a line that happens to be closed, or rings that could not be put together
        tags = dict(area.tags)
        shape = factory.create_multipolygon(area)
        del self.waiting[name]
        self.rows.wkb[self.rows.add(name, osm_tags.area_class(tags), tags)] = shape

    def _line(self, name: str, class_name: str, tags: Mapping[str, str], nodes: Any) -> None:
        network = osm_tags.network(tags)
        places = [
            (node.ref, node.lon, node.lat) if node.location.valid() else None for node in nodes
        ]
        pieces = _pieces(places, self.junctions.get(network, frozenset()))
        if None in places:
            self.cut += 1
        if not pieces:
            self._reject(name, "missing_nodes", "fewer than two of its nodes are in the file", tags)
        for number, piece in enumerate(pieces, 1):
            row = self.rows.add(name if len(pieces) == 1 else f"{name}#{number}", class_name, tags)
            self.rows.lines[row] = [(x, y) for _, x, y in piece]
            if network:
                self._edge(network, row, piece[0], piece[-1])

    def _edge(self, network: str, row: int, *ends: tuple[int, float, float]) -> None:
        self.rows.edges.append((network, row, ends[0][0], ends[1][0]))
        for node, x, y in ends:
            if node not in self.seen[network]:
                self.seen[network].add(node)
                self.rows.nodes.append((network, str(node), x, y))

    def _reject(self, name: str, code: str, reason: str, tags: Mapping[str, str]) -> None:
        self.rejected.append(Rejection(name, code, reason, str(dict(tags))[:200]))

    def _await(self, name: str, code: str, reason: str, tags: Mapping[str, str]) -> None:
        self.waiting[name] = Rejection(name, code, reason, str(dict(tags))[:200])

    def _ignore(self, tags: Mapping[str, str]) -> None:
        self.ignored[next(iter(tags))] += 1

    def _report(self) -> None:
        if self.cut:
            message = f"{self.cut} lines leave the extract; what lies inside was loaded"
            self.findings.append(Finding("warning", "cut_lines", message))
        if self.ignored:
            common = ", ".join(f"{key} ({n})" for key, n in self.ignored.most_common(5))
            message = (
                f"{self.ignored.total()} tagged nodes, ways and relations are no city objects; "
                f"most are tagged {common}"
            )
            self.findings.append(Finding("info", "not_city_objects", message))


def _pieces(
    places: Sequence[tuple[int, float, float] | None], junctions: frozenset[int]
) -> list[list[tuple[int, float, float]]]:
    """The stretches of a line between junctions, leaving out where nodes are missing."""
    pieces: list[list[tuple[int, float, float]]] = []
    piece: list[tuple[int, float, float]] = []
    for place in places:
        if place is None:
            pieces.append(piece)
            piece = []
            continue
        piece.append(place)
        if place[0] in junctions and len(piece) > 1:
            pieces.append(piece)
            piece = [place]
    return [each for each in (*pieces, piece) if len(each) > 1]


def _junctions(path: Path) -> dict[str, frozenset[int]]:
    """By network, the nodes that its ways pass more than once."""
    refs = {"road": array("q"), "rail": array("q")}
    processor = osmium.FileProcessor(str(path), osmium.osm.WAY)
    ways: Any = processor.with_filter(osmium.filter.KeyFilter("highway", "railway"))
    for way in ways:
        network = osm_tags.network(dict(way.tags))
        if network:
            refs[network].extend(node.ref for node in way.nodes)
    found = {}
    for network, passed in refs.items():
        nodes, times = np.unique(np.frombuffer(passed, np.int64), return_counts=True)
        found[network] = frozenset(nodes[times > 1].tolist())
    return found


def _sorted(path: Path, work: Path) -> Path:
    """`path` if its objects are in order, else a copy in `work` in which they are.

    Raises
    ------
    RuntimeError
        If the file cannot be read to its end.
    """
    areas = osmium.area.AreaManager()
    with osmium.io.Reader(str(path), osmium.osm.RELATION) as relations:
        osmium.apply(relations, areas.first_pass_handler())
    try:
        osmium.apply(str(path), areas.second_pass_handler(osmium.filter.IdFilter([])))
    except RuntimeError as error:
        if "out of order" not in str(error):
            raise
    else:
        return path
    copy = work / "sorted.osm.pbf"
    merged = osmium.MergeInputReader()
    merged.add_file(str(path))
    with osmium.SimpleWriter(str(copy), overwrite=True) as writer:
        merged.apply(writer)
    return copy


def _open(path: Path, options: ReadOptions, work: Path) -> Reading:
    place = referencing.locate("EPSG:4326", "format", options.crs, np.empty((0, 4)))
    storage = "flex_mem"
    if path.stat().st_size > LARGE:
        storage = f"sparse_file_array,{work / 'locations'}"
    with _explained(path):
        ordered = _sorted(path, work)
        junctions = _junctions(ordered)
    extract = _Extract(ordered, storage, junctions)
    return Reading(
        place.crs,
        place.source,
        extract.batches(),
        encoding="UTF-8",
        rejected=extract.rejected,
        findings=extract.findings,
        attribution=ATTRIBUTION,
    )


OSM: Final = Reader(
    "osm",
    "OpenStreetMap",
    (".osm.pbf", ".osm.bz2", ".osm.gz", ".osm", ".pbf"),
    _open,
    _recognised,
)
