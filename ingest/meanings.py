"""What the user says that a source's codes and units mean, applied before values are understood."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cim.declare import did_you_mean
from cim.errors import ParamError
from ingest import values
from ingest.values import Converted

FACTORS: Final[Mapping[str, float]] = MappingProxyType(
    {
        "m": 1.0,
        "dm": 0.1,
        "cm": 0.01,
        "mm": 0.001,
        "km": 1000.0,
        "ft": 0.3048,
        "us-ft": 1200 / 3937,
        "in": 0.0254,
        "yd": 0.9144,
    }
)
"""Unit of length → what it is in metres."""


def factor(unit: str, where: str = "units") -> float:
    """What one `unit` is in metres.

    Raises
    ------
    ParamError
        If it is no unit that is known here.
    """
    try:
        return FACTORS[unit.strip().lower()]
    except KeyError:
        hint = did_you_mean(unit, FACTORS)
        raise ParamError(f"no unit {unit!r}", where=where, hint=hint) from None


def meant(column: pa.Array, meanings: Mapping[str, str]) -> pa.Array:
    """`column` as text with the meanings that the user gives for its values; others stay."""
    text = values.text_column(column)
    coded = text.dictionary_encode()
    words = [None if each is None else each.strip() for each in coded.dictionary.to_pylist()]
    spoken = [None if each is None else meanings.get(each, each) for each in words]
    indices = coded.indices
    return pa.DictionaryArray.from_arrays(
        indices, pa.array(spoken, pa.string())
    ).dictionary_decode()


def with_source(converted: Converted, source: pa.Array, said: pa.Array) -> Converted:
    """`converted`, with the rows marked where the user's meaning stands for the source's words."""
    text = values.text_column(source)
    differs = pc.fill_null(pc.not_equal(text, pc.cast(said, text.type)), False)
    changed = np.asarray(differs.to_numpy(zero_copy_only=False), bool)
    if converted.changed is not None:
        changed |= converted.changed
    return replace(converted, changed=changed)


def scaled(converted: Converted, times: float) -> Converted:
    """`converted` numbers in metres; what the source said stays beside them."""
    numbers = np.asarray(pd.to_numeric(pd.Series(converted.values)), np.float64)
    changed = np.isfinite(numbers)
    if converted.changed is not None:
        changed |= converted.changed
    return replace(converted, values=numbers * times, changed=changed)
