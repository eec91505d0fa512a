"""Sequence keys written as datasets, block by block, stored as the column that they are made from."""

import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from zlib_ng import zlib_ng

from numl_polars.jobs import run_jobs
from numl_polars.tables.event_runs import Int64s
from numl_polars.tables.keys import event_of_rows, seq_cnt_lines

CHUNK_ROWS = 262_144
_CHUNKS_AT_ONCE = 8
_KEY_DTYPE = np.dtype("<i8")

Check = Callable[[], None]
Filter = tuple[int, int, tuple[int, ...]]
"""Code, flags and parameters of a filter of HDF5."""


def write_seq(group: h5py.Group, name: str, offsets: Int64s, like: h5py.Dataset, check: Check) -> None:
    """The key with the event of each row, int64 (rows, 1), by row `offsets` of events.

    Parameters
    ----------
    group
        Where the dataset is made.
    name
        Its name.
    offsets
        Rows of every event, int64 (events + 1,).
    like
        Column whose storage it gets: chunks and filters, or none.
    check
        Called after each block; raises where it could not be written.
    """

    def lines(start: int, stop: int) -> Int64s:
        return event_of_rows(offsets, start, stop).reshape(-1, 1)

    _write(group, name, int(offsets[-1]), 1, lines, like, check)


def write_seq_cnt(group: h5py.Group, name: str, offsets: Int64s, like: h5py.Dataset, check: Check) -> None:
    """The key with one line an event that has rows, int64 (events with rows, 2); see `write_seq`."""
    all_lines = seq_cnt_lines(offsets)
    _write(group, name, len(all_lines), 2, lambda start, stop: all_lines[start:stop], like, check)


def _write(
    group: h5py.Group,
    name: str,
    num_lines: int,
    width: int,
    lines: Callable[[int, int], Int64s],
    like: h5py.Dataset,
    check: Check,
) -> None:
    creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    filters: list[Filter] = []
    chunk_rows = CHUNK_ROWS
    if like.chunks is not None:
        chunk_rows = max(1, min(CHUNK_ROWS, num_lines))
        creation.set_chunk((chunk_rows, 1))
        filters = _filters(like)
        for code, flags, parameters in filters:
            creation.set_filter(code, flags, parameters)
    most_rows = num_lines if like.chunks is None else h5py.h5s.UNLIMITED
    space = h5py.h5s.create_simple((num_lines, width), (most_rows, width))
    made = h5py.h5d.create(group.id, name.encode(), h5py.h5t.STD_I64LE, space, creation)
    dataset = h5py.Dataset(made)
    encode = None if like.chunks is None else _encoder(filters)
    step = chunk_rows * _CHUNKS_AT_ONCE
    for start in range(0, num_lines, step):
        block = lines(start, min(start + step, num_lines)).astype(_KEY_DTYPE, copy=False)
        if encode is None:
            dataset[start : start + len(block)] = block
        else:
            _write_chunks(made, start, block, chunk_rows, encode)
        check()


def _filters(dataset: h5py.Dataset) -> list[Filter]:
    creation = dataset.id.get_create_plist()
    found = (creation.get_filter(place) for place in range(creation.get_nfilters()))
    # HDF5 finds what a shuffle has to know of the type by itself
    return [
        (code, flags, () if code == h5py.h5z.FILTER_SHUFFLE else tuple(parameters))
        for code, flags, parameters, _ in found
    ]


def _encoder(filters: list[Filter]) -> Callable[[NDArray[Any]], Any] | None:
    """What makes the stored bytes of a chunk; None where only HDF5 knows how."""
    if any(code not in (h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_DEFLATE) for code, _, _ in filters):
        return None

    def encode(chunk: NDArray[Any]) -> Any:
        stored: Any = chunk.view(np.uint8)
        for code, _, parameters in filters:
            if code == h5py.h5z.FILTER_SHUFFLE:
                size = _KEY_DTYPE.itemsize
                stored = np.frombuffer(stored, np.uint8).reshape(-1, size).T.copy().reshape(-1)
            else:
                stored = zlib_ng.compress(stored, parameters[0] if parameters else zlib.Z_DEFAULT_COMPRESSION)
        return bytes(stored)

    return encode


def _write_chunks(
    dataset: h5py.h5d.DatasetID,
    start: int,
    block: Int64s,
    chunk_rows: int,
    encode: Callable[[NDArray[Any]], Any],
) -> None:
    places = [
        (first, component)
        for first in range(0, len(block), chunk_rows)
        for component in range(block.shape[1])
    ]
    encoded: dict[tuple[int, int], bytes] = {}

    def encode_one(first: int, component: int) -> None:
        chunk = np.zeros(chunk_rows, _KEY_DTYPE)
        rows = block[first : first + chunk_rows, component]
        chunk[: len(rows)] = rows
        encoded[first, component] = encode(chunk)

    run_jobs([partial(encode_one, *place) for place in places])
    for first, component in places:
        dataset.write_direct_chunk((start + first, component), encoded[first, component])
