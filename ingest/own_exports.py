"""Files that this program wrote: what its stores say of objects is no attribute of theirs."""

from collections.abc import Collection
from typing import Any, Final

from cim.schema import EDGE_COLUMNS, KEPT_COLUMNS, NODE_COLUMNS

STAMP: Final = frozenset(each.name for each in KEPT_COLUMNS if each.required)
"""Names that stand together in every export, and in no other file."""

REST: Final = "attributes"
"""Where exports keep the attributes that have no field of their own."""

_OWN: Final = (
    {each.name for each in (*KEPT_COLUMNS, *NODE_COLUMNS, *EDGE_COLUMNS)}
    | {"id", "oid", "object_id", REST}
) - {"x", "y", "z", "length"}


def own_names(names: Collection[str]) -> frozenset[str]:
    """Which of the names are the store's, in a file or object that has these; mostly none."""
    return frozenset(_OWN.intersection(names)) if STAMP.issubset(names) else frozenset()


def unstamped(attributes: dict[str, Any]) -> dict[str, Any]:
    """The attributes of one object without what a store said of it."""
    own = own_names(attributes)
    if not own:
        return attributes
    rest = attributes.get(REST)
    left = {name: value for name, value in attributes.items() if name not in own}
    return left | rest if isinstance(rest, dict) else left
