"""Inner loops on plain arrays, compiled on first use; nothing here knows files or cities."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """`function` as machine code, which is kept on disk where there is a place to write to."""
    try:
        fast: Any = njit(cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError:  # a read-only installation without a home folder
        fast = njit(nogil=True, error_model="numpy")(function)
    return cast("Function", fast)
