"""The voxel map: a preset of parts."""

from collections.abc import Sequence

from numl_polars.objects.maps.grid import Window
from numl_polars.objects.maps.voxels import Source, Voxels
from numl_polars.objects.part import Part
from numl_polars.objects.parts import Metadata
from numl_polars.objects.training_object import TrainingObject


class VoxelMap(TrainingObject):
    """Turns events into voxel maps: in the volume of the detector, energy or charge and what is known of it.

    Parameters
    ----------
    source, window, size, bins, voxel_size, box, dense
        As of `numl_polars.objects.maps.voxels.Voxels`, which says what maps hold.
    lower_bound
        As of every `TrainingObject`; by default no plane needs a hit.
    particle_labels, event_labels, vertex, planes, max_integral, parts
        As of every `TrainingObject`.

    Raises
    ------
    OptionError
        An option has no meaning, or does not go with another.
    """

    source: Source = "deposits"
    window: Window = "whole"
    size: float | Sequence[float] | None = None
    bins: int | Sequence[int] | None = None
    voxel_size: float | Sequence[float] | None = None
    box: str | Sequence[Sequence[float]] | None = None
    dense: bool = False
    lower_bound = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        _ = self.preset

    @property
    def preset(self) -> tuple[Part, ...]:
        """The parts of the map."""
        voxels = Voxels(
            source=self.source,
            window=self.window,
            size=self.size,
            bins=self.bins,
            voxel_size=self.voxel_size,
            box=self.box,
            dense=self.dense,
        )
        return (Metadata(), voxels, *self._event_parts)
