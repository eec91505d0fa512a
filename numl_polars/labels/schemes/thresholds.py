"""Parameters of included schemes that are thresholds."""

from math import isfinite
from numbers import Real

from numl_polars.errors import OptionError
from numl_polars.labels.scheme import Scheme

UNITS = {"threshold": "momentum in GeV/c", "extent": "length in cm"}


def check_thresholds(scheme: Scheme) -> None:
    """Make the scheme's parameters ``…_threshold`` and ``…_extent`` floats.

    Raises
    ------
    OptionError
        One is not a finite number, 0 or more.
    """
    for name, value in scheme.parameters.items():
        unit = UNITS.get(name.rpartition("_")[2])
        if unit is None:
            continue
        if isinstance(value, bool) or not isinstance(value, Real) or not isfinite(value) or value < 0:
            raise OptionError(f"{name} is {value!r}; it must be a finite {unit}, 0 or more")
        object.__setattr__(scheme, name, float(value))
