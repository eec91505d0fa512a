"""What the commands share: option types, and how errors become one line and an exit status."""

import os
import re
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from numl_polars.errors import NumlError, OptionError, RankError
from numl_polars.mpi import World, launched
from numl_polars.timing import Progress

if TYPE_CHECKING:
    from rich.console import RenderableType

DONE, FAULT, USAGE = 0, 1, 2
_PIPE_WIDTH = 1000
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}


class Bytes(click.ParamType[int]):
    """A number of bytes with an optional unit: 500000, 32MB, 64MiB."""

    name = "bytes"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Bytes as an int."""
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmg]i?)?b?\s*", value.lower())
        size = int(float(match[1]) * _UNITS[match[2] or ""]) if match else 0
        if size <= 0:
            self.fail(f"{value!r} is no size above 0, such as 500000, 32MB or 1GiB", param, ctx)
        return size


class EventRange(click.ParamType[slice]):
    """A range of events START:STOP; either may be left out, negative counts from the end."""

    name = "range"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> slice:
        """A slice."""
        if isinstance(value, slice):
            return value
        match = re.fullmatch(r"\s*(-?\d+)?\s*:\s*(-?\d+)?\s*", value)
        if match is None:
            self.fail(f"{value!r} is no range START:STOP, such as 0:1000, 5000: or :100", param, ctx)
        return slice(*(int(bound) if bound else None for bound in match.groups()))


def names(text: str) -> tuple[str, ...]:
    """The names of a list with commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def plane_options(text: str | None) -> dict[str, tuple[str, ...] | tuple[int, ...]]:
    """Options of a detector that ``--planes`` gives: names, and numbers where ``NAME=NUMBER`` says them."""
    if text is None:
        return {}
    pairs = [name.partition("=") for name in names(text)]
    called = tuple(name.strip() for name, _, _ in pairs)
    if not any(equals for _, equals, _ in pairs):
        return {"planes": called}
    numbers = tuple(number.strip() for _, _, number in pairs)
    if not all(number.isdecimal() for number in numbers):
        raise click.BadParameter(
            f"{text!r}: give all planes as NAME=NUMBER, or as NAME", param_hint="--planes"
        )
    return {"planes": called, "plane_numbers": tuple(map(int, numbers))}


def hit_coordinates(text: str | None) -> str | tuple[str, ...] | None:
    """Coordinates of hits that ``--coordinates`` gives: a word, or three columns."""
    return text if text is None or "," not in text else names(text)


def print_section(section: "RenderableType") -> None:
    """Print what rich draws: to a terminal by its width, to a pipe in whole lines without padding."""
    from rich.console import Console

    console = Console()
    if console.is_terminal:
        console.print(section)
        return
    console = Console(width=_PIPE_WIDTH)
    with console.capture() as captured:
        console.print(section)
    for line in captured.get().splitlines():
        click.echo(line.rstrip())


@contextmanager
def progress_bar(ranks: World, *, wanted: bool | None = None) -> Iterator[Progress | None]:
    """Bar on rank 0; None elsewhere, if not `wanted`, and, unless it is, where the output is no terminal."""
    from rich.console import Console

    console = Console(stderr=True, force_terminal=wanted)
    if ranks.rank > 0 or not console.is_terminal:
        yield None
        return
    from rich import progress

    with progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("{task.fields[rate]}"),
        progress.TimeRemainingColumn(),
        console=console,
        transient=True,
    ) as bar:
        tasks = {}

        def advance(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage, rate="")
            task = tasks[stage]
            speed = bar.tasks[task].speed
            bar.update(task, completed=done, total=total, rate=f"{speed:,.0f}/s" if speed else "")

        yield advance


def command_line(command: click.Command) -> None:
    """Run a command and exit: 0 done, 2 usage, 1 a fault, told in one line on stderr.

    Of several ranks only the first tells what all know. A fault of one rank ends all.
    """
    size, rank = launched()
    if rank > 0:
        # what they would print, rank 0 prints
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123
    warnings.showwarning = _show_warning
    if size == 1:
        # end as by an exception, so that nothing unfinished stays behind
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    status = _run(command, first=rank == 0, alone=size == 1)
    sys.stdout.flush()
    raise SystemExit(status)


def _run(command: click.Command, *, first: bool, alone: bool) -> int:
    try:
        # the status with which a command exits, if it says one
        status = command.main(standalone_mode=False)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.UsageError as error:
        if first:
            error.show()
        return USAGE
    except (click.Abort, KeyboardInterrupt):
        return _fault("interrupted", first=first)
    except OptionError as error:
        if first:
            _say(str(error))
        return USAGE
    except RankError as error:
        _fault(str(error), first=True)
        return FAULT if alone else _abort()
    except NumlError as error:
        return _fault(str(error), first=first)
    except BrokenPipeError:
        return FAULT
    except Exception as error:
        _fault(f"{type(error).__name__}: {error} (--debug shows where)", first=True)
        return FAULT if alone else _abort()
    return status if isinstance(status, int) else DONE


def _fault(message: str, *, first: bool) -> int:
    if first or "--debug" in sys.argv:
        if "--debug" in sys.argv:
            import traceback

            traceback.print_exc()
        _say(message)
    return FAULT


def _say(message: str) -> None:
    print(f"numl-polars: {' '.join(message.split())}", file=sys.stderr, flush=True)


def _abort() -> int:
    from numl_polars.mpi import world

    world().abort(FAULT)


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    _say(f"warning: {message}")
