"""The one numba decorator of this package.

Kernels take and return NumPy arrays, check nothing and raise nothing. Their arguments are declared, so that
importing a kernel's module compiles it, or loads it from the cache on disk; inputs may be read-only, as
columns are. `kernel.py_func` is the same loop as plain Python.

Large kernels are made of functions that only kernels call: a `step` is compiled without counting references
to its arrays, which at each call would cost more than its work (so it can make no arrays); what is `inlined`
becomes part of its caller.
"""

from collections.abc import Callable
from typing import Any

from numba import njit, types

Int32s = types.Array(types.int32, 1, "C", readonly=True)
Int64s = types.Array(types.int64, 1, "C", readonly=True)
Float64s = types.Array(types.float64, 1, "C", readonly=True)
Uint64s = types.Array(types.uint64, 1, "C", readonly=True)
Bools = types.Array(types.boolean, 1, "C", readonly=True)
Bytes = types.Array(types.uint8, 1, "C", readonly=True)
ReadVectors = types.Array(types.float64, 2, "C", readonly=True)
ReadPairs = types.Array(types.int64, 2, "C", readonly=True)
Int64 = types.int64
UInt64 = types.uint64
Bool = types.boolean
Float64 = types.float64
# arrays that a step writes to
Vectors = types.Array(types.float64, 2, "C")
Scalars = types.Array(types.float64, 1, "C")
Marks = types.Array(types.int64, 1, "C")
Pairs = types.Array(types.int64, 2, "C")
Places = types.Array(types.uint64, 1, "C")
Arcs = types.Array(types.uint32, 2, "C")
Codes = types.Array(types.uint32, 1, "C")


def kernel(*arguments: types.Type) -> Callable[[Callable[..., Any]], Any]:
    """Decorator that compiles a function for arguments of these types."""
    return njit(arguments, cache=True, nogil=True)


def step(function: Callable[..., Any]) -> Any:
    """Decorator for a function that kernels call; a kernel loaded from the cache has its own copy."""
    options: dict[str, Any] = {"nogil": True, "_nrt": False}
    return njit(**options)(function)


def inlined(function: Callable[..., Any]) -> Any:
    """Decorator for a function that is compiled as part of those that call it."""
    return njit(function, inline="always")
