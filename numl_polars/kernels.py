"""The one numba decorator of this package.

Kernels take and return NumPy arrays, check nothing and raise nothing. Their arguments are declared, so that
importing a kernel's module compiles it, or loads it from the cache on disk; inputs may be read-only, as
columns are. `kernel.py_func` is the same loop as plain Python.
"""

from collections.abc import Callable
from typing import Any

from numba import njit, types

Int64s = types.Array(types.int64, 1, "C", readonly=True)
Int64s2D = types.Array(types.int64, 2, "C", readonly=True)
Float64s = types.Array(types.float64, 1, "C", readonly=True)
Bools = types.Array(types.boolean, 1, "C", readonly=True)
Int64 = types.int64


def kernel(*arguments: types.Type) -> Callable[[Callable[..., Any]], Any]:
    """Decorator that compiles a function for arguments of these types."""
    return njit(arguments, cache=True, nogil=True)
