"""A part of a training object: what it reads, and which attributes it adds for a whole batch."""

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from numl_polars.events.batch import TableListing
from numl_polars.objects.batch import Attribute
from numl_polars.parameters import Parameters, plain

if TYPE_CHECKING:
    from numl_polars.objects.formation import Formation
    from numl_polars.objects.training_object import TrainingObject


class Part(Parameters, is_base=True):
    """Base of parts. Annotated attributes of a subclass are its parameters, ``radius: float = 2.5``.

    A part is asked three things, in this order: which columns it reads, which events it cannot do without
    leaving out, and its attributes for the events that are kept.
    """

    checks_kinds = True
    kernels: ClassVar[tuple[str, ...]] = ()
    """Modules of this package whose kernels it uses, as ``objects.hit_edges``; they are compiled before."""

    def columns(self, events: TableListing, scheme: "TrainingObject") -> Mapping[str, Sequence[str]]:
        """Columns that it reads of these events, by table; of a table without columns rows are counted.

        Parameters
        ----------
        events
            Says which tables and columns there are.
        scheme
            The object that the part belongs to: its planes and labels.

        Raises
        ------
        InputError
            Something that it needs is not there, and the message of a missing column would not do.
        """
        return {}

    def select(self, formation: "Formation") -> None:
        """Enter into ``formation.ledger`` the events that it leaves out, or has remarks on."""
        return

    @abstractmethod
    def attributes(self, formation: "Formation") -> Iterable[Attribute]:
        """Attributes of the events that are kept, ``formation.kept``, all at once."""

    def describe(self) -> dict[str, Any]:
        """What a file records of the part: its name, where it is defined, and parameters."""
        return {
            "part": self.name,
            "module": type(self).__module__,
            "parameters": {name: plain(value) for name, value in self.parameters.items()},
        }
