"""What is in an event file, and what is wrong with it."""

from numl_polars.tools.validate.report import FileReport
from numl_polars.tools.validate.run import validate

__all__ = ["FileReport", "validate"]
