"""Delaunay triangulations of many point sets at once, exact, in kernels.

`triangulate` is what others call. It halves a set, triangulates the halves and merges them (Guibas and
Stolfi, Primitives for the manipulation of general subdivisions, ACM Transactions on Graphics 4, 1985), across
and along in turn (Dwyer, A faster divide-and-conquer algorithm for constructing Delaunay triangulations,
Algorithmica 2, 1987): n log n for any points. `halves` puts the points in order, `arcs` holds and merges the
triangulations, `predicates` decides exactly, `distinct` finds repeated points. `joggle` is no part of it: it
moves points as Qhull does, so that where several triangulations are right, ours is the peer's.
"""

from pathlib import Path


def _drop_stale_kernels() -> None:
    """Numba sees a change of a kernel's own module, but not of those whose functions it calls."""
    folder = Path(__file__).parent
    newest = max(source.stat().st_mtime for source in folder.glob("*.py"))
    for compiled in folder.glob("__pycache__/*.nb[ic]"):
        if compiled.stat().st_mtime < newest:
            compiled.unlink(missing_ok=True)


_drop_stale_kernels()
