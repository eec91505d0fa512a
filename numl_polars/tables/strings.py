"""Strings of HDF5 columns as Arrow dictionaries, without a Python object per value."""

import h5py
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_WORD = 8
_VARIABLE_WIDTH = 64  # merged files store 64 bytes; longer values are read again with more


def string_width(dataset: h5py.Dataset) -> int:
    """Bytes, a multiple of 8, in which the values of a string dataset are read."""
    length = h5py.check_string_dtype(dataset.dtype).length
    return _VARIABLE_WIDTH if length is None else -(-length // _WORD) * _WORD


def dictionary_array(values: NDArray[np.bytes_]) -> pa.DictionaryArray:
    """Distinct values and one code a row, from null-padded bytes.

    Parameters
    ----------
    values
        ``S`` array (rows,), contiguous, its width a multiple of 8 bytes.

    Notes
    -----
    Rows are told apart by a hash of their words, and then compared in full: equal hashes of unequal values
    fall back to sorting.
    """
    if values.size == 0:
        return pa.DictionaryArray.from_arrays(pa.array([], pa.uint32()), pa.array([], pa.string()))
    words = values.view(np.uint64).reshape(values.size, -1)
    odd = np.random.default_rng(0).integers(1, 2**63, words.shape[1], dtype=np.uint64) * 2 + 1
    encoded = pa.array(words @ odd).dictionary_encode()
    codes = encoded.indices.to_numpy()
    first = np.empty(len(encoded.dictionary), np.int64)
    first[codes[::-1]] = np.arange(values.size - 1, -1, -1)
    if not np.array_equal(words[first][codes], words):
        distinct, codes = np.unique(values, return_inverse=True)
    else:
        distinct = values[first]
    texts = [value.decode("utf-8", "backslashreplace") for value in distinct.tolist()]
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.uint32)), pa.array(texts, pa.string()))
