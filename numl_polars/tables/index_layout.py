"""How a file says which event a row is of: the table of events, the columns with its name, and their keys."""

from collections.abc import Container
from dataclasses import dataclass
from typing import Self

import h5py

from numl_polars.errors import InputError, OptionError
from numl_polars.schema import EVENT_ID, EVENT_TABLE


@dataclass(frozen=True)
class IndexLayout:
    """The table with one row an event, and the columns that name the event in every table.

    Parameters
    ----------
    table
        Name of the table of events.
    columns
        Integer columns, in this order, whose components side by side name an event.

    Raises
    ------
    OptionError
        There is no table, or no column.
    """

    table: str
    columns: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.table or not self.columns or not all(self.columns) or "/" in "".join(self.columns):
            raise OptionError(
                f"index is '{self}'; TABLE/COLUMN or TABLE/COLUMN,COLUMN is wanted, such as {NUML} or {NOVA}"
            )

    def __str__(self) -> str:
        return f"{self.table}/{','.join(self.columns)}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The layout that is written ``spill/run,subrun,evt``; a leading slash does no harm.

        Raises
        ------
        OptionError
            It is of no such form.
        """
        table, _, columns = text.strip("/").partition("/")
        return cls(table, tuple(name.strip() for name in columns.split(",")))

    @property
    def seq(self) -> str:
        """Name of the key with the event of each row."""
        return f"{self.columns[-1]}.seq"

    @property
    def seq_cnt(self) -> str:
        """Name of the key with one line an event that has rows."""
        return f"{self.columns[-1]}.seq_cnt"

    @property
    def keys(self) -> tuple[str, str]:
        """Names of both keys."""
        return self.seq, self.seq_cnt

    def is_in(self, columns: Container[str]) -> bool:
        """Whether a table with these columns says of its rows which event they are of."""
        return all(name in columns for name in self.columns)


NUML = IndexLayout(EVENT_TABLE, (EVENT_ID,))
NOVA = IndexLayout("spill", ("run", "subrun", "evt"))
LAYOUTS = (NUML, NOVA)


def index_layout(file: h5py.File, path: object) -> IndexLayout:
    """The first of `LAYOUTS` whose table of events the file has, with the columns that it wants.

    Parameters
    ----------
    file
        Open for reading.
    path
        What messages call it.

    Raises
    ------
    InputError
        It has none; the message lists what it has.
    """
    for layout in LAYOUTS:
        table = file.get(layout.table)
        if isinstance(table, h5py.Group) and layout.is_in(table):
            return layout
    looked_for = " nor ".join(str(layout) for layout in LAYOUTS)
    raise InputError(f"{path} has neither {looked_for} (has {_listed(list(file))}); --index names others")


def _listed(names: list[str], most: int = 8) -> str:
    shown = ", ".join(names[:most])
    return f"{shown}, … {len(names)} in all" if len(names) > most else shown or "nothing"
