"""What becomes of a layer: where its ids, classes, columns and networks come from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cim.model import Finding
from ingest import attributes
from ingest.classes import NOTHING_KNOWN, PLACE, SHAPES, Guess, Shape, check_class, guess, shapes
from ingest.field_names import CLASS_NAMES, NETWORK_NAMES
from ingest.reader import ReadOptions
from ingest.values import is_text


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Some features of a layer, as they come out of a file."""

    table: pa.RecordBatch
    """Their fields, without the geometry."""
    geometry: NDArray[np.object_]
    """(n,) shapely geometries; None where there is none or nobody can read it."""
    numbers: NDArray[np.int64]
    """(n,) their numbers in the file: feature ids, or lines of text."""
    unreadable: Mapping[int, str] = field(default_factory=dict)
    """Row → why what is there is no geometry."""

    def __len__(self) -> int:
        return len(self.geometry)


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of the features of one layer."""

    layer: str
    fields: Mapping[str, str] = field(default_factory=dict)
    """Source field → column of `schema.OBJECT_COLUMNS`."""
    id_field: str = ""
    """Field that names each object; empty if the number of the feature does."""
    prefix: str = ""
    """What comes before ids that are numbers, because other layers have the same."""
    given_class: str = ""
    class_field: str = ""
    guess: Guess = NOTHING_KNOWN
    shape: Shape | None = None
    """Shape of every feature; None if each has its own."""
    usual: Shape = "area"
    """Shape of most of the features looked at."""
    measures: bool = True
    """Whether there may be M values."""
    network: str = ""
    network_fields: Mapping[str, str] = field(default_factory=dict)
    """Column of nodes and edges → source field."""
    crs: str = ""
    """CRS of the geometry when it is shaped."""
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Column → what the source writes → what the user says it means."""
    units: Mapping[str, str] = field(default_factory=dict)
    """Source field → unit of its numbers, as the user says."""

    def class_of(self, shape: Shape) -> str:
        """The class of features of that shape that do not name their own."""
        return self.given_class or self.guess.of(shape)

    @property
    def class_name(self) -> str:
        """Class of most of the layer, as far as can be told before reading."""
        return self.class_of(self.shape or self.usual)

    @property
    def class_reason(self) -> str:
        """Why it is that class."""
        return "as the user said" if self.given_class else self.guess.reason


DECLARED_SHAPES: Final[Mapping[str, Shape]] = MappingProxyType(
    {
        "Point": "point",
        "MultiPoint": "point",
        "LineString": "line",
        "MultiLineString": "line",
        "Polygon": "area",
        "MultiPolygon": "area",
    }
)
"""Shape by the name of a geometry type, without its dimension."""


@dataclass(frozen=True, slots=True)
class LayerFacts:
    """What is known of a layer besides its features."""

    layer: str
    names: tuple[str, ...]
    """Names that may tell what it holds, the best first."""
    geometry_type: str = ""
    only: bool = True
    """Whether it is the only layer of the source."""
    crs: str = ""


def make_plan(facts: LayerFacts, options: ReadOptions, first: Chunk) -> tuple[Plan, list[Finding]]:
    """What becomes of the layer that begins with the chunk `first`.

    Raises
    ------
    SchemaError
        If the user's class does not exist.
    ParamError
        If the user's field for the ids is not there.
    """
    table, given = first.table, _given(options, first.table)
    kinds = shapes(first.geometry)
    declared = DECLARED_SHAPES.get(facts.geometry_type.replace("2.5D ", "").split(" ")[0])
    network, network_fields = _network(options, table, given)
    mapping = attributes.propose(table, given)
    guessed = guess(facts.names, table.schema.names, mapping.values(), network)
    labels = declared is None and {0, 2} <= set(kinds.tolist())
    if labels and guessed.point == "Building":  # labels beside the footprints they belong to
        guessed = Guess(guessed.area, guessed.line, PLACE, guessed.reason)
    id_field, repeats = _id_field(options, table, given, mapping)
    plan = Plan(
        layer=facts.layer,
        fields=mapping,
        id_field=id_field,
        prefix="" if facts.only else f"{facts.layer}.",
        given_class=check_class(options.class_name),
        class_field=_class_field(table, given, mapping),
        guess=guessed,
        shape=declared,
        usual=SHAPES[int(np.bincount(kinds, minlength=3).argmax())],
        measures=declared is None or facts.geometry_type.endswith(" M"),
        network=network,
        network_fields=network_fields,
        crs=facts.crs,
        values=options.values,
        units=options.units,
    )
    return plan, list(_findings(plan, options, repeats))


def _given(options: ReadOptions, table: pa.RecordBatch) -> dict[str, str]:
    names = set(table.schema.names)
    return {field: column for field, column in options.fields.items() if field in names}


def _by_target(given: Mapping[str, str], target: str) -> str:
    return next((field for field, column in given.items() if column == target), "")


def _id_field(
    options: ReadOptions, table: pa.RecordBatch, given: Mapping[str, str], taken: Mapping[str, str]
) -> tuple[str, str]:
    wanted = options.id_field or _by_target(given, "object_id")
    if wanted in table.schema.names:
        return wanted, ""
    return attributes.id_field(table, taken)


def _class_field(
    table: pa.RecordBatch, given: Mapping[str, str], mapping: Mapping[str, str]
) -> str:
    wanted = _by_target(given, "class")
    if wanted:
        return wanted
    texts = {name for name in table.schema.names if is_text(table[name].type)}
    found = attributes.matches(CLASS_NAMES, texts - mapping.keys())
    return next((name for name in found if attributes.class_share(table[name]) >= 0.5), "")


def _network(
    options: ReadOptions, table: pa.RecordBatch, given: Mapping[str, str]
) -> tuple[str, dict[str, str]]:
    fields = {}
    for column, names in NETWORK_NAMES.items():
        found = [_by_target(given, column), *attributes.matches(names, table.schema.names)]
        fields[column] = next((each for each in found if each), "")
    named = fields["network"]
    if named and not (is_text(table[named].type) and attributes.network_share(table[named]) >= 0.5):
        fields["network"] = ""
    network = attributes.network_named(options.network) if options.network else ""
    if not network and not fields["network"]:
        return "", {}
    return network, {column: field for column, field in fields.items() if field}


def _findings(plan: Plan, options: ReadOptions, repeats: str) -> Iterator[Finding]:
    layer = f"layer {plan.layer}: " if plan.prefix else ""
    if plan.class_field:
        message = f"{layer}classes are in the field {plan.class_field!r}"
        yield Finding("info", "class_field", message)
    elif not plan.given_class:
        message = f"{layer}objects are taken as {plan.class_name}: {plan.class_reason}"
        yield Finding("info", "class_guessed", message, "set the class if that is wrong")
    if plan.fields:
        shown = ", ".join(f"{column} ← {field}" for field, column in plan.fields.items())
        yield Finding("info", "fields_mapped", f"{layer}{shown}")
    if plan.id_field:
        yield Finding(
            "info", "id_field", f"{layer}objects are named by the field {plan.id_field!r}"
        )
    elif repeats:
        message = f"{layer}the field {repeats!r} repeats; objects are named by their number"
        yield Finding(
            "warning", "id_repeats", message, f"set the id field to {repeats!r} to use it"
        )
    else:
        message = f"{layer}no field names each object; they are named by their number"
        yield Finding("info", "id_from_number", message, "set the id field")
    if options.network and not _can_connect(plan):
        message = f"{layer}no fields say which nodes the edges of the network join"
        yield Finding(
            "warning", "network_without_nodes", message, "start_node and end_node, or node_id"
        )


def _can_connect(plan: Plan) -> bool:
    found = plan.network_fields
    return {"start_node", "end_node"} <= found.keys() or "node_id" in found or bool(plan.id_field)
