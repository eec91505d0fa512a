"""The pixel map: a preset of parts."""

from collections.abc import Sequence

from numl_polars.objects.maps.grid import Extent, Window
from numl_polars.objects.maps.pixels import Pixels
from numl_polars.objects.part import Part
from numl_polars.objects.parts import Metadata
from numl_polars.objects.training_object import TrainingObject


class PixelMap(TrainingObject):
    """Turns events into pixel maps: of each plane wire by time, the charge and what is known of it.

    Parameters
    ----------
    window, size, bins, bin_size, extent, spread, hits, dense
        As of `numl_polars.objects.maps.pixels.Pixels`, which says what maps hold.
    lower_bound
        As of every `TrainingObject`; by default no plane needs a hit, but one must have one in its window.
    particle_labels, event_labels, vertex, planes, max_integral, parts
        As of every `TrainingObject`.

    Raises
    ------
    OptionError
        An option has no meaning, or does not go with another.
    """

    window: Window = "whole"
    size: float | Sequence[float] | None = None
    bins: int | Sequence[int] | None = None
    bin_size: float | Sequence[float] | None = None
    extent: Extent | None = None
    spread: bool = False
    hits: bool = False
    dense: bool = False
    lower_bound = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._pixels.check(len(self.plane_names))

    @property
    def _pixels(self) -> Pixels:
        return Pixels(
            window=self.window,
            size=self.size,
            bins=self.bins,
            bin_size=self.bin_size,
            extent=self.extent,
            spread=self.spread,
            hits=self.hits,
            dense=self.dense,
        )

    @property
    def preset(self) -> tuple[Part, ...]:
        """The parts of the map."""
        return (Metadata(), self._pixels, *self._event_parts)
