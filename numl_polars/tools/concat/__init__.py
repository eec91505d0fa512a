"""Event files joined into one: the command ``numl-polars concat``, from Python."""

from numl_polars.tools.concat.options import ConcatOptions
from numl_polars.tools.concat.run import ConcatSummary, concat

__all__ = ["ConcatOptions", "ConcatSummary", "concat"]
