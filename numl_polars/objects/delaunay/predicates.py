"""On which side of a line, and whether inside a circle: exact for any points.

A determinant in floating point decides wherever it exceeds its error bound. Else the same determinant is
summed up without error, as an expansion: a sum of numbers of which no two overlap (Shewchuk, Adaptive
precision floating-point arithmetic and fast robust geometric predicates, Discrete & Computational Geometry
18, 1997). It is exact as long as no product of four coordinates leaves the range of float64, which those of
float32 never do.
"""

import numpy as np
from numpy.typing import NDArray

from numl_polars.kernels import inlined, step

Float64s = NDArray[np.float64]

NUM_TERMS = 400
"""Length of the arrays `terms` below; the longest expansion has 12 x 32 terms."""

_SPLITTER = 134217729.0  # 2**27 + 1
_ROUNDOFF = 2.0**-53
_LINE_BOUND = (3.0 + 16.0 * _ROUNDOFF) * _ROUNDOFF
_CIRCLE_BOUND = (10.0 + 96.0 * _ROUNDOFF) * _ROUNDOFF


@inlined
def _grown(terms: Float64s, num: int, value: float) -> int:
    """Add `value` to the expansion in the first `num` places of `terms`; its new length, without zeros."""
    total, length = value, 0
    for i in range(num):
        term = terms[i]
        larger = total + term
        part = larger - total
        rest = (total - (larger - part)) + (term - part)
        total = larger
        if rest != 0.0:
            terms[length] = rest
            length += 1
    if total != 0.0:
        terms[length] = total
        length += 1
    return length


@inlined
def _lost(a: float, b: float, product: float) -> float:
    """What rounding took from the product of `a` and `b`."""
    c = _SPLITTER * a
    a_high = c - (c - a)
    a_low = a - a_high
    c = _SPLITTER * b
    b_high = c - (c - b)
    b_low = b - b_high
    return a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low)


@step
def _add_product(terms: Float64s, num: int, a: float, b: float) -> int:
    """Add ``a * b`` to an expansion; its new length."""
    product = a * b
    lost = _lost(a, b, product)
    if lost != 0.0:
        num = _grown(terms, num, lost)
    return _grown(terms, num, product)


@step
def _add_product_of_four(terms: Float64s, num: int, a: float, b: float, c: float, d: float) -> int:
    """Add ``a * b * c * d`` to an expansion; its new length."""
    left, right = a * b, c * d
    left_lost, right_lost = _lost(a, b, left), _lost(c, d, right)
    if left_lost != 0.0:
        if right_lost != 0.0:
            num = _add_product(terms, num, left_lost, right_lost)
        num = _add_product(terms, num, left_lost, right)
    if right_lost != 0.0:
        num = _add_product(terms, num, left, right_lost)
    return _add_product(terms, num, left, right)


@step
def _add_lifted(
    terms: Float64s, num: int, px: float, py: float, qx: float, qy: float, rx: float, ry: float
) -> int:
    """Add ``(px**2 + py**2) * (qx * ry - qy * rx)`` to an expansion; its new length."""
    num = _add_product_of_four(terms, num, px, px, qx, ry)
    num = _add_product_of_four(terms, num, px, px, -qy, rx)
    num = _add_product_of_four(terms, num, py, py, qx, ry)
    return _add_product_of_four(terms, num, py, py, -qy, rx)


@step
def _exact_orientation(
    ax: float, ay: float, bx: float, by: float, cx: float, cy: float, terms: Float64s
) -> float:
    """A number of the sign of twice the area of the triangle abc."""
    num = _add_product(terms, 0, ax, by)
    num = _add_product(terms, num, -ay, bx)
    num = _add_product(terms, num, bx, cy)
    num = _add_product(terms, num, -by, cx)
    num = _add_product(terms, num, cx, ay)
    num = _add_product(terms, num, -cy, ax)
    return terms[num - 1] if num else 0.0


@inlined
def _is_exact(a: float, b: float, difference: float) -> bool:
    """True if `difference` is ``a - b`` without error."""
    part = a - difference
    return (a - (difference + part)) + (part - b) == 0.0


@step
def _exact_circle(
    ax: float,
    ay: float,
    bx: float,
    by: float,
    cx: float,
    cy: float,
    dx: float,
    dy: float,
    terms: Float64s,
) -> float:
    """A number of the sign of the determinant of `in_circle`."""
    ux, uy, vx, vy, wx, wy = ax - dx, ay - dy, bx - dx, by - dy, cx - dx, cy - dy
    if (
        _is_exact(ax, dx, ux)
        and _is_exact(ay, dy, uy)
        and _is_exact(bx, dx, vx)
        and _is_exact(by, dy, vy)
        and _is_exact(cx, dx, wx)
        and _is_exact(cy, dy, wy)
    ):
        num = _add_lifted(terms, 0, ux, uy, vx, vy, wx, wy)
        num = _add_lifted(terms, num, vx, vy, wx, wy, ux, uy)
        num = _add_lifted(terms, num, wx, wy, ux, uy, vx, vy)
    else:
        num = _add_lifted(terms, 0, ax, ay, bx, by, cx, cy)
        num = _add_lifted(terms, num, ax, ay, cx, cy, dx, dy)
        num = _add_lifted(terms, num, ax, ay, dx, dy, bx, by)
        num = _add_lifted(terms, num, bx, by, dx, dy, cx, cy)
        num = _add_lifted(terms, num, bx, by, cx, cy, ax, ay)
        num = _add_lifted(terms, num, bx, by, ax, ay, dx, dy)
        num = _add_lifted(terms, num, cx, cy, dx, dy, ax, ay)
        num = _add_lifted(terms, num, cx, cy, ax, ay, bx, by)
        num = _add_lifted(terms, num, cx, cy, bx, by, dx, dy)
        num = _add_lifted(terms, num, dx, dy, bx, by, ax, ay)
        num = _add_lifted(terms, num, dx, dy, ax, ay, cx, cy)
        num = _add_lifted(terms, num, dx, dy, cx, cy, bx, by)
    return terms[num - 1] if num else 0.0


@inlined
def orientation(points: Float64s, a: int, b: int, c: int, terms: Float64s) -> float:
    """A number above 0 if the rows a, b, c of `points` turn counterclockwise, 0 if they are on one line.

    Parameters
    ----------
    points
        float64 (N, 2).
    terms
        float64 (`NUM_TERMS`,), scratch.
    """
    ax, ay, bx, by = points[a, 0], points[a, 1], points[b, 0], points[b, 1]
    cx, cy = points[c, 0], points[c, 1]
    left, right = (ax - cx) * (by - cy), (ay - cy) * (bx - cx)
    area = left - right
    bound = _LINE_BOUND * (abs(left) + abs(right))
    # without error where the bound is 0, as it is for two equal points
    if abs(area) <= bound and bound > 0.0:
        area = _exact_orientation(ax, ay, bx, by, cx, cy, terms)
    return area


@inlined
def in_circle(points: Float64s, a: int, b: int, c: int, d: int, terms: Float64s) -> bool:
    """True if d is inside the circle through a, b, c, rows of `points` in counterclockwise order.

    Parameters are as for `orientation`.
    """
    dx, dy = points[d, 0], points[d, 1]
    ux, uy = points[a, 0] - dx, points[a, 1] - dy
    vx, vy = points[b, 0] - dx, points[b, 1] - dy
    wx, wy = points[c, 0] - dx, points[c, 1] - dy
    vx_wy, wx_vy, wx_uy, ux_wy, ux_vy, vx_uy = vx * wy, wx * vy, wx * uy, ux * wy, ux * vy, vx * uy
    u, v, w = ux * ux + uy * uy, vx * vx + vy * vy, wx * wx + wy * wy
    power = u * (vx_wy - wx_vy) + v * (wx_uy - ux_wy) + w * (ux_vy - vx_uy)
    bound = _CIRCLE_BOUND * (
        u * (abs(vx_wy) + abs(wx_vy)) + v * (abs(wx_uy) + abs(ux_wy)) + w * (abs(ux_vy) + abs(vx_uy))
    )
    if abs(power) <= bound and bound > 0.0:
        power = _exact_circle(
            points[a, 0],
            points[a, 1],
            points[b, 0],
            points[b, 1],
            points[c, 0],
            points[c, 1],
            dx,
            dy,
            terms,
        )
    return power > 0.0
