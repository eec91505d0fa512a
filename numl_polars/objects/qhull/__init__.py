"""Qhull's triangulation with joggled input, in kernels: the edges that SciPy's `Delaunay(…, "QJ")` has.

`triangulate` is what others call; `joggle` moves the points, `simplex` starts the hull, `quickhull` grows it,
`facets` and `outside` are what it keeps. SciPy is the oracle of the tests, and does the sets that are left.
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
