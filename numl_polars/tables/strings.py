"""Strings of HDF5 columns as codes of distinct values, without a Python object a value."""

from typing import Any

import h5py
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Int64s = NDArray[np.int64]
Codes = NDArray[np.uint32]

_WORD = 8
_VARIABLE_WIDTH = 64  # merged files store 64 bytes; longer values are read again with more
_FIRST_ENTRIES = 64
_FIRST_WORDS = 256


def string_width(dtype: np.dtype[Any]) -> int:
    """Bytes, a multiple of 8, in which the values of a stored string dtype are read."""
    length = h5py.check_string_dtype(dtype).length
    return _VARIABLE_WIDTH if length is None else -(-length // _WORD) * _WORD


def dictionary_array(values: NDArray[np.bytes_]) -> pa.DictionaryArray:
    """Distinct values and one code a row, from null-padded bytes, ``S`` array (rows,)."""
    categories = Categories()
    codes = categories.encode_fixed(values)
    return categories.array(codes)


class Categories:
    """Distinct values in the order of their first sight; `encode_*` give the code of each value.

    Values are told apart by all of their bytes, in words of 8; a hash only says where to look.
    """

    def __init__(self) -> None:
        self._slots = np.full(2 * _FIRST_ENTRIES, -1, np.int64)
        self._hashes = np.empty(_FIRST_ENTRIES, np.int64)
        self._bounds = np.zeros(_FIRST_ENTRIES + 1, np.int64)
        self._words = np.empty(_FIRST_WORDS, np.int64)
        self._number = 0
        self._texts = _strings([])

    def __len__(self) -> int:
        return self._number

    def encode_fixed(self, values: NDArray[np.bytes_], *, terminated: bool = False) -> Codes:
        """Codes of an ``S`` array (rows,), padded with nulls, or `terminated` by the first."""
        length = values.dtype.itemsize
        width = -(-length // _WORD)
        if length % _WORD or not values.flags.c_contiguous:
            values = values.astype(f"S{width * _WORD}") if not terminated else _widened(values, width)
        words = values.view(np.int64).reshape(-1)
        places = np.arange(0, len(values) * width, max(width, 1), dtype=np.int64)
        return self.encode(words, places, np.full(len(values), length, np.int64), terminated=terminated)

    def encode(self, words: Int64s, places: Int64s, sizes: Int64s, *, terminated: bool) -> Codes:
        """Codes of values within `words`.

        Parameters
        ----------
        words
            int64, bytes in words of 8.
        places, sizes
            int64 (rows,): word where each value begins, and the bytes that it may take.
        terminated
            Whether a value ends at its first null; it ends before its trailing ones else.
        """
        from numl_polars.tables.byte_kernels import encode_values

        codes = np.empty(len(places), np.uint32)
        scratch = np.zeros(int(sizes.max(initial=0)) // _WORD + 1, np.int64)
        row = 0
        while True:
            row, self._number = encode_values(
                words, places, sizes, terminated, self._slots, self._hashes, self._bounds, self._words,
                self._number, scratch, row, codes,
            )  # fmt: skip
            if row == len(codes):
                return codes
            self._grow(scratch.size)

    def _grow(self, longest: int) -> None:
        """Make room for as many entries again, and for the longest value."""
        from numl_polars.tables.byte_kernels import place_entries

        self._hashes = np.resize(self._hashes, 2 * self._hashes.size)
        self._bounds = np.append(self._bounds, np.zeros(self._hashes.size + 1 - self._bounds.size, np.int64))
        self._words = np.resize(self._words, 2 * self._words.size + longest)
        self._slots = np.full(2 * self._hashes.size, -1, np.int64)
        place_entries(self._hashes[: self._number], self._slots)

    @property
    def texts(self) -> pa.Array:
        """The values as Arrow strings; bytes that are no UTF-8 are spelled out."""
        if len(self._texts) < self._number:
            data, bounds = self._words.tobytes(), (self._bounds[: self._number + 1] * _WORD).tolist()
            new = [
                data[bounds[i] : bounds[i + 1]].rstrip(b"\0").decode("utf-8", "backslashreplace")
                for i in range(len(self._texts), self._number)
            ]
            self._texts = pa.concat_arrays([self._texts, _strings(new)])
        return self._texts

    def array(self, codes: Codes) -> pa.DictionaryArray:
        """Arrow dictionary array of codes, whose buffer it uses."""
        indices = pa.Array.from_buffers(
            pa.uint32(), len(codes), [None, pa.py_buffer(np.ascontiguousarray(codes))]
        )
        return pa.DictionaryArray.from_arrays(indices, self.texts)


def _strings(texts: list[str]) -> pa.Array:
    """Arrow strings; `pyarrow.array` of a list would import pandas wherever that is installed."""
    encoded = [text.encode() for text in texts]
    offsets = np.zeros(len(texts) + 1, np.int32)
    np.cumsum([len(one) for one in encoded], out=offsets[1:])
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(texts), buffers)


def _widened(values: NDArray[np.bytes_], width: int) -> NDArray[np.bytes_]:
    """The same bytes, nulls and what stands behind them included, with room for `width` words."""
    length = values.dtype.itemsize
    room = np.zeros((len(values), width * _WORD), np.uint8)
    room[:, :length] = np.ascontiguousarray(values).view(np.uint8).reshape(len(values), length)
    return room.view(f"S{width * _WORD}").reshape(-1)
