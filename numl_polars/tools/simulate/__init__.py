"""Event files of simulated neutrino interactions.

Not a model of any experiment: particle trees, hits and spacepoints of plausible shape and size, in the
tables, columns and storage of real event files, with each process that label rules ask for.

Data flows through the modules in this order: `interaction` (primaries), `cascade` (their descendants, by
`fates`, `transport`, `daughters` and `reactions`), `readout`, `spacepoints` and `light` (what a `detector`
sees of them), `tables` and `optical` (`columns` of a block of events, as `contents` says of each generation
of files), `layout` (HDF5), `run`.
"""

from numl_polars.tools.simulate.run import SimulationSummary, simulate

__all__ = ["SimulationSummary", "simulate"]
