"""Kernel: checksums of many records at once.

XXH64 (Y. Collet, xxHash specification 0.1.1), seed 0, of records that are padded with zeros to words of
8 bytes. It notes every change within one word for certain, others but for one in 2**64, and takes less time
than reading a record from the page cache; zlib's CRC-32 takes several times as long as that.
"""

import numpy as np
from numpy.typing import NDArray

from numl_polars.kernels import Int64s, Uint64s, kernel

_PRIME_1 = np.uint64(0x9E3779B185EBCA87)
_PRIME_2 = np.uint64(0xC2B2AE3D27D4EB4F)
_PRIME_3 = np.uint64(0x165667B19E3779F9)
_PRIME_4 = np.uint64(0x85EBCA77C2B2AE63)
_PRIME_5 = np.uint64(0x27D4EB2F165667C5)
_1, _7, _8, _12, _18, _27, _29, _31, _32, _33 = (
    np.uint64(number) for number in (1, 7, 8, 12, 18, 27, 29, 31, 32, 33)
)
_64 = np.uint64(64)
_FIRST_1 = np.uint64(0x60EA27EEADC0B5D6)  # _PRIME_1 + _PRIME_2
_FIRST_4 = np.uint64(0x61C8864E7A143579)  # -_PRIME_1


@kernel(Uint64s, Int64s)
def xxh64(words: NDArray[np.uint64], bounds: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Checksum of each record.

    Parameters
    ----------
    words
        uint64 (words,): the records, little-endian, each padded with zeros to whole words.
    bounds
        int64 (records + 1,): record i is ``words[bounds[i] : bounds[i + 1]]``.

    Returns
    -------
    uint64 (records,).
    """
    found = np.empty(len(bounds) - 1, np.uint64)
    for record in range(len(found)):
        place, stop = bounds[record], bounds[record + 1]
        num_words = stop - place
        if num_words >= 4:
            a, b, c, d = _FIRST_1, _PRIME_2, np.uint64(0), _FIRST_4
            while place + 4 <= stop:
                a += words[place] * _PRIME_2
                b += words[place + 1] * _PRIME_2
                c += words[place + 2] * _PRIME_2
                d += words[place + 3] * _PRIME_2
                a = ((a << _31) | (a >> _33)) * _PRIME_1
                b = ((b << _31) | (b >> _33)) * _PRIME_1
                c = ((c << _31) | (c >> _33)) * _PRIME_1
                d = ((d << _31) | (d >> _33)) * _PRIME_1
                place += 4
            state = (a << _1) | (a >> (_64 - _1))
            state += (b << _7) | (b >> (_64 - _7))
            state += (c << _12) | (c >> (_64 - _12))
            state += (d << _18) | (d >> (_64 - _18))
            for lane in (a, b, c, d):
                word = lane * _PRIME_2
                state ^= ((word << _31) | (word >> _33)) * _PRIME_1
                state = state * _PRIME_1 + _PRIME_4
        else:
            state = _PRIME_5
        state += np.uint64(num_words) * _8
        while place < stop:
            word = words[place] * _PRIME_2
            state ^= ((word << _31) | (word >> _33)) * _PRIME_1
            state = ((state << _27) | (state >> (_64 - _27))) * _PRIME_1 + _PRIME_4
            place += 1
        state = (state ^ (state >> _33)) * _PRIME_2
        state = (state ^ (state >> _29)) * _PRIME_3
        found[record] = state ^ (state >> _32)
    return found
