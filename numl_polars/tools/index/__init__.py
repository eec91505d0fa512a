"""Sequence keys of event files: held against every row, added where missing, made anew where wrong."""

from numl_polars.tools.index.run import KEYS, IndexedFile, IndexedTable, index_file
from numl_polars.tools.index.shown import shown

__all__ = ["KEYS", "IndexedFile", "IndexedTable", "index_file", "shown"]
