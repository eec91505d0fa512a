"""What was done to a chunk before it was stored, undone without HDF5: deflate, LZF, shuffle and checksum."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self, cast

import h5py
import numpy as np
from zlib_ng import zlib_ng

from numl_polars.tables.damage import DamageError

DEFLATE, LZF, CHECKSUM = 0, -1, -2
_CHECKSUM_BYTES = 4
_ZLIB_FORMAT = 15
MOST_INFLATED = 1100
"""Bytes of one byte, at most: deflate makes 1,032."""
_INFLATE_ERROR = cast(type[Exception], zlib_ng.error)


@dataclass(frozen=True)
class Filters:
    """The filters of a dataset, in the order in which they were applied.

    Parameters
    ----------
    steps
        One entry a filter: the size of the elements whose bytes a shuffle sorted, or `DEFLATE`, `LZF`,
        `CHECKSUM`.
    """

    steps: tuple[int, ...]

    @classmethod
    def of(cls, creation: h5py.h5p.PropDCID, item_bytes: int) -> Self | None:
        """The filters of a chunked dataset; None where one of them is another than these.

        Parameters
        ----------
        creation
            What the dataset was created with.
        item_bytes
            Size of its values.
        """
        found = []
        for place in range(creation.get_nfilters()):
            code, _, values, _ = creation.get_filter(place)
            if code == h5py.h5z.FILTER_DEFLATE:
                found.append(DEFLATE)
            elif code == h5py.h5z.FILTER_LZF:
                found.append(LZF)
            elif code == h5py.h5z.FILTER_FLETCHER32:
                found.append(CHECKSUM)
            elif code == h5py.h5z.FILTER_SHUFFLE:
                found.append(int(values[0]) if values else item_bytes)
            else:
                return None
        return cls(tuple(found))

    @property
    def are_deflate(self) -> bool:
        """Whether chunks are deflated, and nothing else."""
        return self.steps == (DEFLATE,)

    @staticmethod
    def inflate_together(stored: Iterable[bytes | memoryview], num_bytes: int) -> bytes:
        """Chunks that were deflated and nothing else, of `num_bytes` bytes each, one behind the other.

        Of small chunks, many of which make a column, this takes half the time that `decode` takes.

        Raises
        ------
        DamageError
            One of them does not inflate to this number of bytes; `decode` tells which.
        """
        inflate, room = zlib_ng.decompress, num_bytes + 1
        if any(num_bytes > MOST_INFLATED * len(chunk) for chunk in stored):
            raise DamageError(f"a chunk cannot inflate to {num_bytes} bytes")
        try:
            chunks = [inflate(chunk, _ZLIB_FORMAT, room) for chunk in stored]
        except _INFLATE_ERROR as error:
            raise DamageError(str(error)) from error
        if any(size != num_bytes for size in set(map(len, chunks))):
            raise DamageError(f"a chunk has not {num_bytes} bytes")
        return b"".join(chunks)

    def decode(self, stored: bytes | memoryview, skipped: int, num_bytes: int) -> Any:
        """The `num_bytes` bytes of a chunk, from those stored.

        Parameters
        ----------
        stored
            As they stand in the file.
        skipped
            Mask of the filters that were not applied to this chunk: bit i for filter i.
        num_bytes
            Bytes of a whole chunk.

        Raises
        ------
        DamageError
            They do not decode to this number of bytes.
        """
        chunk: Any = stored
        for place in reversed(range(len(self.steps))):
            step = self.steps[place]
            if skipped >> place & 1:
                continue
            # room is taken before one byte is inflated
            if step in (DEFLATE, LZF) and num_bytes > MOST_INFLATED * len(chunk):
                raise DamageError(f"{len(chunk)} bytes cannot inflate to {num_bytes}")
            if step == DEFLATE:
                try:
                    # one more, for the inflater asks for more room where it fills all that it has
                    chunk = zlib_ng.decompress(chunk, _ZLIB_FORMAT, num_bytes + 1)
                except _INFLATE_ERROR as error:
                    raise DamageError(str(error)) from error
            elif step == LZF:
                from numl_polars.tables.byte_kernels import expand_lzf

                chunk = expand_lzf(np.frombuffer(chunk, np.uint8), num_bytes)
            elif step == CHECKSUM:
                chunk = _checked(chunk)
            elif step > 1:
                from numl_polars.tables.byte_kernels import unshuffle

                chunk = unshuffle(np.frombuffer(chunk, np.uint8), step)
        if len(chunk) != num_bytes:
            raise DamageError(f"a chunk has {len(chunk)} bytes instead of {num_bytes}")
        return chunk


def _checked(stored: bytes | memoryview) -> Any:
    """The bytes before the checksum that ends them, which must be theirs."""
    from numl_polars.tables.byte_kernels import fletcher32

    chunk, found = stored[:-_CHECKSUM_BYTES], bytes(stored[-_CHECKSUM_BYTES:])
    expected = int(fletcher32(np.frombuffer(chunk, np.uint8))).to_bytes(_CHECKSUM_BYTES, "little")
    # HDF5 1.6.2 and before wrote both halves the other way round
    if found not in (expected, expected[1::-1] + expected[:1:-1]):
        raise DamageError("its checksum is not that of its bytes")
    return chunk
