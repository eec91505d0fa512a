import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numl_polars.output import extents
from numl_polars.output.extents import read_extents, write_extents

object_lists = st.lists(
    st.tuples(st.integers(-1, 3), st.lists(st.binary(min_size=1, max_size=9), min_size=1, max_size=4)),
    max_size=8,
)


def laid_out(objects: list[tuple[int, list[bytes]]]) -> list[int]:
    """Places with these gaps before the objects; a negative one sets the object before all others."""
    total = sum(len(piece) for _, pieces in objects for piece in pieces) + 3 * len(objects)
    front = back = total
    places = []
    for gap, pieces in objects:
        size = sum(map(len, pieces))
        if gap < 0:
            front -= size
            places.append(front)
        else:
            places.append(back + gap)
            back = places[-1] + size
    return places


@settings(deadline=None)
@given(objects=object_lists, most_pieces=st.integers(1, 5), most_bytes=st.integers(1, 12))
def test_extents__written_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    objects: list[tuple[int, list[bytes]]],
    most_pieces: int,
    most_bytes: int,
) -> None:
    path = tmp_path_factory.mktemp("extents") / "a"
    places = laid_out(objects)
    expected = bytearray(
        max((p + sum(map(len, o)) for p, (_, o) in zip(places, objects, strict=True)), default=0)
    )
    for place, (_, pieces) in zip(places, objects, strict=True):
        expected[place : place + sum(map(len, pieces))] = b"".join(pieces)
    buffers = [[memoryview(bytearray(len(piece))) for piece in pieces] for _, pieces in objects]

    def short(call: Callable[..., int]) -> Callable[..., int]:
        """The call as a system that moves few bytes at once makes it."""

        def moved(descriptor: int, pieces: list[memoryview], start: int) -> int:
            assert len(pieces) <= most_pieces
            return call(descriptor, [pieces[0][:most_bytes]], start)

        return moved

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(extents, "_MAX_PIECES", most_pieces)
        patch.setattr(extents, "_MAX_GAP", 2)
        patch.setattr(os, "pwritev", short(os.pwritev))
        patch.setattr(os, "preadv", short(os.preadv))
        with path.open("w+b") as file:
            write_extents(
                file.fileno(), places, [[memoryview(piece) for piece in pieces] for _, pieces in objects]
            )
            assert path.read_bytes() == bytes(expected)
            read_extents(file.fileno(), places, buffers)
    assert [[bytes(piece) for piece in pieces] for pieces in buffers] == [pieces for _, pieces in objects]


def test_extents__close_objects_are_one_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def counted(call: Callable[..., int]) -> Callable[..., int]:
        def counting(*arguments: Any) -> int:
            calls.append(len(arguments[1]))
            return call(*arguments)

        return counting

    monkeypatch.setattr(os, "pwritev", counted(os.pwritev))
    monkeypatch.setattr(os, "preadv", counted(os.preadv))
    with (tmp_path / "a").open("w+b") as file:
        pieces = [[memoryview(b"ab"), memoryview(b"c")] for _ in range(3)]
        write_extents(file.fileno(), [0, 3, 10], pieces)
        assert calls == [4, 2]
        read_extents(file.fileno(), [0, 3, 10], [[memoryview(bytearray(3))] for _ in range(3)])
        assert calls == [4, 2, 4]


def test_read_extents__file_ends(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    with (
        (tmp_path / "a").open("rb") as file,
        pytest.raises(OSError, match="the file ends at byte 3, within an object"),
    ):
        read_extents(file.fileno(), [1], [[memoryview(bytearray(5))]])
