"""Chunks that decode to another number of bytes than they must have: HDF5 takes them as they come."""

import math
import zlib

import h5py

WRONG = ("fewer", "none", "more", "undecoded")


def store_wrong_chunk(dataset: h5py.Dataset, row: int, kind: str) -> None:
    """Replace the chunk, deflated or not, that begins at `row` by one of the wrong length."""
    whole = math.prod(dataset.chunks) * dataset.id.get_type().get_size()
    num_bytes = {"fewer": whole // 2, "none": 0, "more": whole + 1, "undecoded": whole // 2}[kind]
    is_deflated = dataset.compression is not None and kind != "undecoded"
    stored = zlib.compress(bytes(num_bytes)) if is_deflated else bytes(num_bytes)
    place = (row,) + (0,) * (dataset.ndim - 1)
    dataset.id.write_direct_chunk(place, stored, filter_mask=0 if is_deflated else 0xF)
