"""The options that say where a map lies and how fine it is, checked; messages say what is allowed."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, isfinite, prod
from typing import Any, Literal, TypeVar, get_args

from numl_polars.detectors import DETECTORS
from numl_polars.errors import OptionError

Window = Literal["whole", "vertex", "centroid", "densest", "tight"]
Extent = str | Sequence[Sequence[float]] | Sequence[Sequence[Sequence[float]]]
Ranges = tuple[tuple[float, float], ...]

WINDOWS: tuple[str, ...] = get_args(Window)
SIZED = ("vertex", "centroid", "densest")
"""Windows of a given size; the others take theirs from the detector or from the event."""
MAX_BINS = 2**15
"""Bins of an axis, of any window; the memory of a spread hit is bounded by it."""
MAX_DENSE = 2**26
"""Cells of all planes of a dense map."""
_NEAR = 1e-6

N = TypeVar("N", int, float)


@dataclass(frozen=True)
class Grid:
    """Where maps lie, and their bins.

    Parameters
    ----------
    axes
        Names of the axes, for messages.
    window
        Mode.
    size
        Of the window on each axis; None for modes that have none.
    bins
        Number of bins of each axis; None where the size of a bin is given and that of the window is not.
    bin_size
        Of each axis; None where the number is given and the size of the window is not.
    """

    axes: tuple[str, ...]
    window: str
    size: tuple[float, ...] | None
    bins: tuple[int, ...] | None
    bin_size: tuple[float, ...] | None

    @classmethod
    def of(
        cls,
        axes: tuple[str, ...],
        window: str,
        size: float | Sequence[float] | None,
        bins: int | Sequence[int] | None,
        bin_size: float | Sequence[float] | None,
        *,
        bin_name: str = "bin_size",
        dense: bool = False,
    ) -> "Grid":
        """The grid that options of a map say.

        Parameters
        ----------
        size, bins, bin_size
            One value for all axes, or one for each.
        bin_name
            What the option of the bin size is called.
        dense
            The maps of a batch must be stacked.

        Raises
        ------
        OptionError
            A value has no meaning, or the options do not go together.
        """
        if window not in WINDOWS:
            raise OptionError(f"window {window!r} is none of {', '.join(WINDOWS)}")
        if (size is None) == (window in SIZED):
            wrong = "needs a size" if size is None else f"has no size of its own (size {size} is given)"
            raise OptionError(f"window {window!r} {wrong}; {', '.join(SIZED)} have one")
        if (bins is None) == (bin_size is None):
            wrong = "neither" if bins is None else f"both, {bins} and {bin_size},"
            raise OptionError(f"give bins or {bin_name}: {wrong} of them is given")
        sizes = _each_axis("size", size, axes)
        steps = _each_axis(bin_name, bin_size, axes)
        numbers = None if bins is None else _numbers(bins, axes)
        if sizes is not None and steps is not None:
            numbers = tuple(
                _whole(axis, of, step, bin_name) for axis, of, step in zip(axes, sizes, steps, strict=True)
            )
        elif sizes is not None and numbers is not None:
            steps = tuple(of / number for of, number in zip(sizes, numbers, strict=True))
        grid = cls(axes, window, sizes, numbers, steps)
        if dense and grid.varies:
            raise OptionError(
                f"dense maps in tight windows with bins of {bin_size}: each event would have another shape, "
                f"and they could not be stacked; give bins, a number, or leave them sparse"
            )
        return grid

    @property
    def varies(self) -> bool:
        """Whether the number of bins depends on the event."""
        return self.window == "tight" and self.bins is None

    def shape(self, extents: Sequence[Ranges] | None) -> tuple[int, ...] | None:
        """Largest number of bins on each axis, of a window in any of the extents; None if it varies by event.

        Raises
        ------
        OptionError
            It is above what an axis may have.
        """
        if self.bins is not None or self.bin_size is None or extents is None:
            return self.bins
        if self.varies:
            return None
        numbers = [
            max(ceil((high - low) / step - _NEAR) for low, high in ends)
            for ends, step in zip(zip(*extents, strict=True), self.bin_size, strict=True)
        ]
        for axis, number, step in zip(self.axes, numbers, self.bin_size, strict=True):
            if number > MAX_BINS:
                raise OptionError(
                    f"{axis} has {number:,} bins of {step:g}; at most {MAX_BINS:,} can be: make them larger"
                )
        return tuple(numbers)

    def dense_shape(self, extents: Sequence[Ranges] | None, num_planes: int) -> tuple[int, ...]:
        """Shape of a dense map without its planes; smaller windows begin at its first bins.

        Raises
        ------
        OptionError
            It is too large.
        """
        shape = self.shape(extents)
        assert shape is not None
        if prod(shape) * num_planes > MAX_DENSE:
            cells = " x ".join(f"{number:,}" for number in (num_planes, *shape))
            raise OptionError(
                f"a dense map of {cells} cells is above {MAX_DENSE:,}: make bins larger, or leave it sparse"
            )
        return shape


def as_ranges(name: str, extent: Extent, axes: tuple[str, ...], *, num_sets: int) -> tuple[Ranges, ...]:
    """Ranges ``(lower, upper)`` of each axis, of each plane, from one for all or one for each.

    Parameters
    ----------
    name
        What the option is called.
    num_sets
        Number of planes; 1 for a box.

    Raises
    ------
    OptionError
        It is no such thing, or a range is not finite or turned round.
    """
    wanted = f"a pair (lower, upper) for each of {', '.join(axes)}" + (
        f", or such pairs for each of {num_sets} planes" if num_sets > 1 else ""
    )
    problem = OptionError(f"{name} {extent!r}: give {wanted}, or a detector of {', '.join(DETECTORS)}")
    if isinstance(extent, str):
        raise problem
    try:
        one_for_all = all(isinstance(end, int | float) for pair in extent for end in pair)
        planes: list[Any] = [extent] * num_sets if one_for_all else list(extent)
        found = tuple(tuple(map(_as_range, pairs)) for pairs in planes)
    except (TypeError, ValueError):
        raise problem from None
    if len(found) != num_sets or any(len(pairs) != len(axes) for pairs in found):
        raise problem
    for pairs in found:
        for axis, (low, high) in zip(axes, pairs, strict=True):
            if not (isfinite(low) and isfinite(high) and low < high):
                raise OptionError(
                    f"{name}: {axis} from {low:g} to {high:g} is no range; lower < upper is needed"
                )
    return found


def _as_range(pair: Any) -> tuple[float, float]:
    low, high = pair
    return float(low), float(high)


def _each_axis(
    name: str, value: float | Sequence[float] | None, axes: tuple[str, ...]
) -> tuple[float, ...] | None:
    """One finite number above 0 for each axis."""
    if value is None:
        return None
    values = _expanded(name, value, axes)
    for axis, one in zip(axes, values, strict=True):
        if not isinstance(one, int | float) or isinstance(one, bool) or not isfinite(one) or one <= 0:
            raise OptionError(f"{name} {one} of {axis} is not a finite number above 0")
    return tuple(map(float, values))


def _numbers(value: int | Sequence[int], axes: tuple[str, ...]) -> tuple[int, ...]:
    """A whole number of bins for each axis."""
    values = _expanded("bins", value, axes)
    for axis, one in zip(axes, values, strict=True):
        if not isinstance(one, int) or isinstance(one, bool) or not 1 <= one <= MAX_BINS:
            raise OptionError(f"bins {one} of {axis} is no whole number from 1 to {MAX_BINS:,}")
    return tuple(values)


def _expanded(name: str, value: N | Sequence[N], axes: tuple[str, ...]) -> tuple[N, ...]:
    values = (value,) * len(axes) if isinstance(value, int | float) else tuple(value)
    if len(values) != len(axes):
        raise OptionError(f"{name} {values}: give one number, or one for each of {', '.join(axes)}")
    return values


def _whole(axis: str, size: float, step: float, bin_name: str) -> int:
    """Number of bins of a size that a window has, which must be whole."""
    number = round(size / step)
    if number < 1 or abs(number * step - size) > _NEAR * size:
        raise OptionError(f"size {size:g} of {axis} does not divide into bins of {bin_name} {step:g}")
    if number > MAX_BINS:
        raise OptionError(
            f"size {size:g} of {axis} has {number:,} bins of {step:g}; at most {MAX_BINS:,} can be"
        )
    return number


def as_tuples(value: object) -> object:
    """Sequences within sequences as tuples, which can be compared and hashed."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(map(as_tuples, value))
    return value
