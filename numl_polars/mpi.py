"""The ranks of this run: mpi4py where the program was started under MPI, a stand-in of one rank elsewhere."""

import os
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from time import sleep
from types import TracebackType
from typing import Any, NoReturn, TypeVar

from numl_polars.errors import LaunchError, NumlError, RankError

T = TypeVar("T")

# what launchers tell each process: number of ranks, own rank
_LAUNCHERS = (
    ("PMI_SIZE", "PMI_RANK"),
    ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"),
    ("MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_RANK"),
    ("PALS_SIZE", "PALS_RANKID"),
    ("JSM_NAMESPACE_SIZE", "JSM_NAMESPACE_RANK"),
    ("FLUX_JOB_SIZE", "FLUX_TASK_RANK"),
    ("SLURM_STEP_NUM_TASKS", "SLURM_PROCID"),
)
# and the number of ranks on its machine
_LOCAL_SIZES = (
    "MPI_LOCALNRANKS",
    "OMPI_COMM_WORLD_LOCAL_SIZE",
    "MV2_COMM_WORLD_LOCAL_SIZE",
    "PALS_LOCAL_SIZE",
    "SLURM_NTASKS_PER_NODE",
)
_PROGRESS_TAG = 71
_VALUE_TAG = 72
_SAYING_SECONDS = 0.5
_POLL_SECONDS = 0.005


def launched() -> tuple[int, int]:
    """Number of ranks that a launcher says it started, and own rank; (1, 0) without launcher."""
    for size, rank in _LAUNCHERS:
        if os.environ.get(size, "").isdigit():
            return int(os.environ[size]), int(os.environ.get(rank, "0") or 0)
    return 1, 0


def local_size() -> int:
    """Number of ranks on this machine; all ranks where the launcher does not say."""
    size, _ = launched()
    for variable in _LOCAL_SIZES:
        if os.environ.get(variable, "").isdigit():
            return max(1, min(size, int(os.environ[variable])))
    return size


class World:
    """One rank alone: what every rank can ask of the others."""

    rank = 0
    size = 1

    def __init__(self) -> None:
        self._clean_up: Callable[[], None] = lambda: None

    def when_aborted(self, clean_up: Callable[[], None]) -> None:
        """Have `abort` call this right before the end: what other ranks cannot do for themselves then."""
        self._clean_up = clean_up

    def barrier(self) -> None:
        """Wait for all ranks."""

    def gather(self, value: T) -> list[T]:
        """The values of all ranks on rank 0, an empty list on the others."""
        return [value]

    def on_first(self, function: Callable[[], T]) -> T:
        """What `function` returns on rank 0, on every rank; an error there is raised on all."""
        return function()

    def send_progress(self, done: int) -> None:
        """Tell rank 0 that `done` more events are finished."""

    def receive_progress(self) -> int:
        """Events newly finished by other ranks, on rank 0."""
        return 0

    def send(self, value: object) -> None:
        """Send a value to rank 0, when it has taken all but the last one; rank 0 itself never does."""

    def finish_sending(self) -> None:
        """Wait until rank 0 has taken all that was sent."""

    def receive(self) -> list[Any]:
        """Values that other ranks have sent meanwhile, on rank 0."""
        return []

    def abort(self, code: int) -> NoReturn:
        """End all ranks now."""
        self._clean_up()
        raise SystemExit(code)


class MpiWorld(World):
    """All ranks of an MPI run."""

    def __init__(self, mpi: Any) -> None:
        super().__init__()
        self._mpi = mpi
        self._comm = mpi.COMM_WORLD
        self.rank = self._comm.Get_rank()
        self.size = self._comm.Get_size()
        self._sent: list[Any] = []
        self._sent_values: deque[Any] = deque()
        # a rank that ends by itself would leave the others waiting
        sys.excepthook = self._abort_by_exception

    def _abort_by_exception(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        sys.__excepthook__(kind, error, trace)
        self.abort(1)

    def barrier(self) -> None:
        """See `World`."""
        self._wait_for(self._comm.Ibarrier())

    def _wait_for(self, request: Any) -> None:
        # MPI waits by asking all the time, which takes a core from the ranks that still work
        while not request.Test():
            sleep(_POLL_SECONDS)

    def gather(self, value: T) -> list[T]:
        """See `World`."""
        self.barrier()
        return self._comm.gather(value, root=0) or []

    def on_first(self, function: Callable[[], T]) -> T:
        """See `World`."""
        value: T | None = None
        error: NumlError | None = None
        if self.rank == 0:
            try:
                value = function()
            except NumlError as raised:
                error = raised
        self.barrier()
        value, error = self._comm.bcast((value, error), root=0)
        if error is not None:
            raise error
        return value

    def send_progress(self, done: int) -> None:
        """See `World`."""
        self._sent = [request for request in self._sent if not request.Test()]
        self._sent.append(self._comm.isend(done, dest=0, tag=_PROGRESS_TAG))

    def receive_progress(self) -> int:
        """See `World`."""
        done = 0
        while self._comm.iprobe(source=self._mpi.ANY_SOURCE, tag=_PROGRESS_TAG):
            done += self._comm.recv(source=self._mpi.ANY_SOURCE, tag=_PROGRESS_TAG)
        return done

    def send(self, value: object) -> None:
        """See `World`."""
        while len(self._sent_values) > 1:
            self._wait_for(self._sent_values.popleft())
        self._sent_values.append(self._comm.isend(value, dest=0, tag=_VALUE_TAG))

    def finish_sending(self) -> None:
        """See `World`."""
        while self._sent_values:
            self._wait_for(self._sent_values.popleft())

    def receive(self) -> list[Any]:
        """See `World`."""
        values = []
        status = self._mpi.Status()
        while self._comm.iprobe(source=self._mpi.ANY_SOURCE, tag=_VALUE_TAG, status=status):
            values.append(self._comm.recv(source=status.Get_source(), tag=_VALUE_TAG))
        return values

    def abort(self, code: int) -> NoReturn:
        """See `World`."""
        sys.stderr.flush()
        # mpirun may drop what a rank writes right before it aborts
        sleep(_SAYING_SECONDS)
        self._clean_up()
        self._comm.Abort(code)
        raise SystemExit(code)


def in_shares(ranks: World, number: int, do: Callable[[int], T]) -> list[T]:
    """What `do` returns of each of ``0 .. number - 1``, on rank 0; an empty list on the others.

    Each rank does a share of them. `do` returns faults that the user can mend: raised, they would end one
    rank alone.
    """
    first, last = (number * rank // ranks.size for rank in (ranks.rank, ranks.rank + 1))
    return [one for share in ranks.gather([do(i) for i in range(first, last)]) for one in share]


@contextmanager
def fault_of_rank(ranks: World, where: str = "") -> Iterator[None]:
    """Any fault of the block as a RankError that says which rank, and `where`.

    Of a rank alone, what the user can mend passes unchanged, unless it has a place to be named.
    """
    try:
        yield
    except RankError:
        raise
    except Exception as error:
        # compiled code that is interrupted says SystemError
        if isinstance(error.__cause__ or error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from error
        fault = str(error) if isinstance(error, NumlError) else f"{type(error).__name__}: {error}"
        if ranks.size == 1 and not where and isinstance(error, NumlError):
            raise
        raise RankError(f"rank {ranks.rank}{where}: {fault}") from error


@cache
def world() -> World:
    """The ranks of this run; the same object at each call.

    Raises
    ------
    LaunchError
        A launcher started several ranks, but MPI is missing or sees only one: each would believe itself
        alone and overwrite the others' output.
    """
    size, _ = launched()
    if size == 1:
        return World()
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise LaunchError(
            f"started as {size} ranks, but mpi4py cannot be loaded ({error}); "
            "install it together with an MPI: pip install 'numl-polars[mpi]'"
        ) from error
    if MPI.COMM_WORLD.Get_size() != size:
        library = MPI.Get_library_version().splitlines()[0].strip()
        raise LaunchError(
            f"started as {size} ranks, but MPI sees {MPI.COMM_WORLD.Get_size()}: mpirun and the MPI of "
            f"mpi4py ({library}) are of different makes; use the mpirun that belongs to it, or "
            "pip install 'numl-polars[mpi]' for a pair that does"
        )
    return MpiWorld(MPI)
