"""What `concat` can be asked for, checked once."""

from dataclasses import dataclass
from typing import Literal, get_args

from numl_polars.errors import OptionError

Strings = Literal["fixed", "keep", "variable"]
Missing = Literal["refuse", "null"]
Keys = Literal["both", "seq", "seq-cnt", "none"]

GZIP_LEVEL = 6
STRING_BYTES = 64
BUFFER_BYTES = 64 << 20


@dataclass(frozen=True, kw_only=True)
class ConcatOptions:
    """How files are joined; the arguments of `concat` of the same names.

    Raises
    ------
    OptionError
        A value, or a combination of them, has no meaning.
    """

    sort: bool = False
    strings: Strings = "fixed"
    string_bytes: int = STRING_BYTES
    chunk_rows: int | None = None
    gzip: int | None = None
    contiguous: bool = False
    missing: Missing = "refuse"
    keys: Keys = "both"
    append: bool = False
    overwrite: bool = False
    buffer_bytes: int = BUFFER_BYTES

    @property
    def replaces(self) -> bool:
        """Whether an earlier output is replaced."""
        return self.append or self.overwrite

    def __post_init__(self) -> None:
        for name, kinds in (("strings", Strings), ("missing", Missing), ("keys", Keys)):
            value = getattr(self, name)
            if value not in get_args(kinds):
                raise OptionError(f"{name} is {value!r}; allowed are {', '.join(map(repr, get_args(kinds)))}")
        least = {"string_bytes": 1, "buffer_bytes": 1, "chunk_rows": 1, "gzip": 0}
        for name, bound in least.items():
            value = getattr(self, name)
            if value is not None and value < bound:
                raise OptionError(f"{name} is {value}; allowed are {bound} and more")
        if self.gzip is not None and self.gzip > 9:
            raise OptionError(f"gzip is {self.gzip}; allowed are levels 0 (none) to 9")
        if self.contiguous and (self.gzip is not None or self.chunk_rows is not None):
            raise OptionError("contiguous columns have neither chunks nor compression")
        if self.append and self.overwrite:
            raise OptionError("either append to the output or overwrite it")
