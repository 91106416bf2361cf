"""Results that become part of a city: rasters as a data set, found values as new versions.

One load, so all of it or nothing. It stands on record with the analysis, its parameters and the
version of the city that it was about, and is undone like any other.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import pandas as pd

from cim.analysis import Result
from cim.errors import ConflictError, InputError, NotFoundError
from cim.model import Batch, CityModel, Dataset
from cim.schema import OBJECT_COLUMNS
from cim.store import Delivery, OpenLoad, Store

PIECE: Final = 5000
"""Objects whose surfaces are in memory at once."""

_COLUMNS: Final = [each.name for each in OBJECT_COLUMNS]


@dataclass(frozen=True, slots=True)
class Kept:
    """What has become of a result."""

    dataset: str
    load: int | None
    """Number of the load that did it; None if the city has all of it already."""
    new: int
    changed: int
    same: int


def keep(store: Store, result: Result, dataset: str, *, overwrite: bool = False) -> Kept:
    """Make a result part of the city: its rasters, or what it found about objects.

    Rasters become a data set of that name, or join the one that earlier results made. Values
    become new versions of the objects of that data set: where the first of them is unknown, or,
    to `overwrite`, wherever something was found. A later load of the data set's file says again
    what the file says.

    Raises
    ------
    InputError
        If there is nothing that could be kept, or nothing about that data set.
    NotFoundError
        If the values are to go into a data set that the city does not have.
    ConflictError
        If the name belongs to a data set that no analysis made, or the city has changed since.
    """
    if result.found is None and not result.coverages:
        hint = "write its table to a file"
        raise InputError("the result has nothing to keep", where=result.analysis, hint=hint)
    known = {str(each["dataset"]): each for each in store.datasets()}
    if result.found is None:
        source = _own_dataset(result, dataset, known)
    elif dataset in known:
        source = _as_it_is(known[dataset])
    else:
        raise NotFoundError(f"no data set {dataset!r}", hint=", ".join(known))
    file = f"{result.analysis} {result.key[:12]}"
    with store.load(Delivery(source, file=file, keep_absent=True)) as opened:
        opened.notes |= {
            "analysis": result.analysis,
            "params": dict(result.params),
            "city_version": result.version,
            "result": result.key,
        }
        if result.found is not None:
            opened.counts.same += _amend(store, opened, result, overwrite=overwrite)
        else:
            for each in result.coverages:
                opened.put_coverage(replace(each, name=f"{dataset}/{each.name}"))
    counts = opened.counts
    return Kept(dataset, opened.id, counts.new, counts.changed, counts.same)


def _own_dataset(result: Result, name: str, known: Mapping[str, dict[str, Any]]) -> Dataset:
    """The data set of an analysis' rasters, with the credits of what they were made of."""
    there = known.get(name)
    if there is not None and not str(there.get("uri", "")).startswith("result:"):
        raise ConflictError(
            f"the data set {name!r} was loaded from a file", hint="keep the result by another name"
        )
    made_of = {
        str(each)
        for coverage in result.coverages
        for band in coverage.bands
        for each in band.get("sources", ())
    }
    sources = [
        dataset
        for called, dataset in known.items()
        if any(each == called or each.startswith(f"{called}/") for each in made_of)
    ]
    sources += [there] if there else []
    return Dataset(
        name,
        uri=f"result:{result.key}",
        reader=result.analysis,
        licence=_joined(sources, "licence"),
        attribution=_joined(sources, "attribution"),
    )


def _joined(datasets: Iterable[Mapping[str, Any]], field: str) -> str:
    told = {part for each in datasets for part in str(each.get(field) or "").split("; ")}
    return "; ".join(sorted(told - {""}))


def _as_it_is(known: dict[str, Any]) -> Dataset:
    """A data set as the city describes it: its source, its licence and all."""
    told = {each.name: known[each.name] for each in fields(Dataset) if each.name in known}
    return Dataset(**told | {"name": str(known["dataset"])})


def _amend(store: Store, opened: OpenLoad, result: Result, *, overwrite: bool) -> int:
    """New versions of objects about which something was found; how many say it already."""
    found = result.found
    if store.version() != result.version or found is None:
        hint = "run the analysis again"
        raise ConflictError("the city has changed since", where=result.analysis, hint=hint)
    city = store.select(classes=result.reads)
    about = city.objects[city.objects.index.isin(result.table.index)]
    own = pd.DataFrame(about[about["dataset"] == opened.dataset.name])
    if own.empty:
        problem = f"the result is not about the data set {opened.dataset.name!r}"
        hint = ", ".join(sorted(set(about["dataset"])))
        raise InputError(problem, where=result.analysis, hint=hint)
    own = own[own.index.isin(found.index)]
    if not overwrite:
        own = own[own[found.columns[0]].isna()]
    amended = _amended(own, found.loc[own.index], overwrite=overwrite)
    names = [*found.columns.intersection(_COLUMNS), "attributes"]
    same = (amended[names].eq(own[names]) | (amended[names].isna() & own[names].isna())).all(axis=1)
    fresh = amended[~same]
    for start in range(0, len(fresh), PIECE):
        opened.put(_batch(store, city, fresh.iloc[start : start + PIECE]))
    return int(same.sum())


def _amended(own: pd.DataFrame, found: pd.DataFrame, *, overwrite: bool) -> pd.DataFrame:
    """Objects with the values found for them."""
    amended = own.copy()
    for name in found.columns.intersection(_COLUMNS):
        given, was = found[name], own[name]
        amended[name] = given.fillna(was) if overwrite else was.fillna(given)
    more = found[found.columns.difference(_COLUMNS)].to_dict(orient="records")
    told = [{**was, **each} for was, each in zip(own["attributes"], more, strict=True)]
    amended["attributes"] = pd.Series(told, index=own.index, dtype=object)
    return amended


def _batch(store: Store, city: CityModel, objects: pd.DataFrame) -> Batch:
    """Objects with their surfaces and edges, on their way back."""
    edges = city.edges[city.edges.index.isin(objects.index)]
    edges = edges.assign(object_id=objects["object_id"].reindex(edges.index))
    meshes = store.meshes(objects.index.tolist())
    return Batch(
        objects[_COLUMNS].reset_index(drop=True),
        meshes=[each for of_one in meshes.values() for each in of_one],
        edges=edges.reset_index(drop=True),
        valid=True,
    )
