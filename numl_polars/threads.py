"""Cores that a rank may use, so that the ranks of a machine share it instead of fighting over it.

Polars and numba fix the size of their thread pools when they are imported. `share_cores` is therefore called
when this package is, and does nothing unless a launcher has started several ranks; what the user has set
stands.
"""

import os
import sys

from numl_polars.mpi import local_size

_POOLS = {"POLARS_MAX_THREADS": "polars", "NUMBA_NUM_THREADS": "numba"}


def num_cores() -> int:
    """Number of cores that this rank has for itself, at least 1.

    The cores that the process may run on, divided by the ranks of the machine, unless the launcher has bound
    each rank to cores of its own.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    ranks = local_size()
    bound = ranks > 1 and allowed <= (os.cpu_count() or 1) // ranks
    return max(1, allowed if bound else allowed // ranks)


def share_cores() -> None:
    """Tell the thread pools of libraries that are not imported yet how many cores this rank has."""
    if local_size() == 1:
        return
    for variable, module in _POOLS.items():
        if module not in sys.modules:
            os.environ.setdefault(variable, str(num_cores()))
