"""Kernels over the bytes of a file: shuffle, LZF, checksums, values of heaps, strings told apart.

They are imported where they are first needed: most that reads a file needs none of them, and ranks must not
compile them at once.
"""

import numpy as np
from numpy.typing import NDArray

from numl_polars import kernels
from numl_polars.kernels import inlined, kernel

Int64s = NDArray[np.int64]
Codes = NDArray[np.uint32]

# elements that stay in the nearest cache while their bytes are gathered
_BLOCK = 1024
_LITERALS, _LONG = 32, 7
# words of 16 bits whose sums stay within 32 bits
_SUMMED = 360
_ODD = 0x1E3779B97F4A7C15
_ONES = 0x0101010101010101
_HIGHS = -0x7F7F7F7F7F7F7F80


@kernel(kernels.Bytes, kernels.Int64)
def unshuffle(shuffled: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Elements of `size` bytes, from all their first bytes, then all their second ones, and so on.

    Bytes behind the last whole element stand as they are.
    """
    number = shuffled.size // size
    elements = np.empty(shuffled.size, np.uint8)
    if size == 4:
        # whole elements at once: what the compiler makes vector instructions of
        words = elements[: number * 4].view(np.uint32)
        lowest, low, high, highest = (
            shuffled[:number],
            shuffled[number : 2 * number],
            shuffled[2 * number : 3 * number],
            shuffled[3 * number : 4 * number],
        )
        for element in range(number):
            words[element] = (
                np.uint32(lowest[element])
                | np.uint32(low[element]) << np.uint32(8)
                | np.uint32(high[element]) << np.uint32(16)
                | np.uint32(highest[element]) << np.uint32(24)
            )
    else:
        for start in range(0, number, _BLOCK):
            stop = min(start + _BLOCK, number)
            for byte in range(size):
                first = byte * number
                for element in range(start, stop):
                    elements[element * size + byte] = shuffled[first + element]
    for place in range(number * size, shuffled.size):
        elements[place] = shuffled[place]
    return elements


@kernel(kernels.Bytes, kernels.Int64)
def expand_lzf(packed: NDArray[np.uint8], num_bytes: int) -> NDArray[np.uint8]:
    """The bytes that LZF has packed, `num_bytes` at most; none where they would be more, or make no sense.

    Notes
    -----
    A byte below 32 is followed by as many bytes and one that stand for themselves. Any other repeats what
    came before: its upper 3 bits are how many bytes, less 2, a byte more of that where they are 7; its lower
    5 bits and the next byte are how far back, less 1.
    """
    expanded = np.empty(num_bytes, np.uint8)
    done, place = 0, 0
    while place < packed.size:
        control = int(packed[place])
        place += 1
        if control < _LITERALS:
            length = control + 1
            if place + length > packed.size or done + length > num_bytes:
                return expanded[:0]
            expanded[done : done + length] = packed[place : place + length]
            place += length
        else:
            length = control >> 5
            num_more = 2 if length == _LONG else 1
            if place + num_more > packed.size:
                return expanded[:0]
            if length == _LONG:
                length += int(packed[place])
                place += 1
            first = done - ((control & 31) << 8) - int(packed[place]) - 1
            place += 1
            length += 2
            if first < 0 or done + length > num_bytes:
                return expanded[:0]
            # one by one: what is repeated may reach into what it becomes
            for byte in range(length):
                expanded[done + byte] = expanded[first + byte]
        done += length
    return expanded[:done]


@kernel(kernels.Bytes)
def fletcher32(values: NDArray[np.uint8]) -> int:
    """Fletcher's checksum of words of 16 bits, the last filled up by a null, as HDF5 has it."""
    low, high = 0, 0
    for start in range(0, values.size, 2 * _SUMMED):
        stop = min(start + 2 * _SUMMED, values.size)
        for place in range(start, stop - 1, 2):
            low += (int(values[place]) << 8) | int(values[place + 1])
            high += low
        if (stop - start) % 2:
            low = (low & 0xFFFF) + (low >> 16)
            high = (high & 0xFFFF) + (high >> 16)
            low += int(values[stop - 1]) << 8
            high += low
        low = (low & 0xFFFF) + (low >> 16)
        high = (high & 0xFFFF) + (high >> 16)
    low = (low & 0xFFFF) + (low >> 16)
    high = (high & 0xFFFF) + (high >> 16)
    return (high << 16) | low


@kernel(kernels.Int64s, kernels.Int64s, kernels.Int64s)
def objects_of(words: Int64s, starts: Int64s, stops: Int64s) -> Int64s:
    """Word where each object of each collection has its header, int64 (words / 2 + 1,); 0 for none.

    Object i of the collection that begins at word b is entry ``b // 2 + i``: objects have at least two words.
    """
    table = np.zeros(words.size // 2 + 1, np.int64)
    for collection in range(starts.size):
        first, stop = starts[collection] // 2, stops[collection]
        place = starts[collection] + 2
        while place + 2 <= stop:
            number = words[place] & 0xFFFF
            size = words[place + 1]
            if number == 0 or size < 0 or size > 8 * (stop - place - 2):
                break
            if first + number < stop // 2:
                table[first + number] = place
            place += 2 + (size + 7) // 8
    return table


@kernel(
    kernels.Int64s, kernels.Int64s, kernels.Int64s, kernels.Int64s,
    kernels.Int64s, kernels.Int64s, kernels.Int64s, kernels.Marks,
)  # fmt: skip
def find_objects(
    words: Int64s,
    starts: Int64s,
    stops: Int64s,
    table: Int64s,
    collection: Int64s,
    objects: Int64s,
    sizes: Int64s,
    places: Int64s,
) -> int:
    """Fill `places` with the word where each value begins; the first that is not there so long, or -1."""
    for value in range(sizes.size):
        if sizes[value] == 0:
            continue
        entry = starts[collection[value]] // 2 + objects[value]
        if entry >= stops[collection[value]] // 2 or table[entry] == 0:
            return value
        header = table[entry]
        if words[header + 1] != sizes[value]:
            return value
        places[value] = header + 2
    return -1


@kernel(kernels.Int64s, kernels.Int64s, kernels.Int64s, kernels.Int64, kernels.Marks)
def place_values(words: Int64s, places: Int64s, sizes: Int64s, length: int, rows: Int64s) -> int:
    """Put values at the places of their rows; the first that has more than `length` bytes, or -1.

    Parameters
    ----------
    words, places, sizes
        As of `Categories.encode`; a value ends at its first null.
    length
        Bytes that a value may have.
    rows
        int64, zeros: room for ``-(-length // 8)`` words a value.
    """
    width = (length + 7) // 8
    for row in range(places.size):
        size = sizes[row]
        for i in range((size + 7) // 8):
            word = words[places[row] + i]
            if i == size >> 3:
                word &= (1 << (8 * (size & 7))) - 1
            nulls = (word - _ONES) & ~word & _HIGHS
            ends = nulls != 0
            if ends:
                lowest = nulls & -nulls
                word &= ((lowest >> 7) & _ONES) - 1
            if i >= width:
                if word != 0:
                    return row
            else:
                if i == length >> 3 and word >> (8 * (length & 7)) != 0:
                    return row
                rows[row * width + i] = word
            if ends:
                break
    return -1


@inlined
def hash_of(words: Int64s, number: int) -> int:
    """Hash of the first `number` words."""
    mixed = number
    for place in range(number):
        mixed = (mixed ^ words[place]) * _ODD
        mixed ^= mixed >> 29
    return mixed


@kernel(kernels.Int64s, kernels.Marks)
def place_entries(hashes: Int64s, slots: Int64s) -> None:
    """Fill the empty table `slots`, a power of two long, with the entries of these hashes."""
    last = slots.size - 1
    for entry in range(hashes.size):
        slot = hashes[entry] & last
        while slots[slot] >= 0:
            slot = (slot + 1) & last
        slots[slot] = entry


@kernel(
    kernels.Int64s, kernels.Int64s, kernels.Int64s, kernels.Bool,
    kernels.Marks, kernels.Marks, kernels.Marks, kernels.Marks, kernels.Int64,
    kernels.Marks, kernels.Int64, kernels.Codes,
)  # fmt: skip
def encode_values(
    words: Int64s,
    places: Int64s,
    sizes: Int64s,
    terminated: bool,
    slots: Int64s,
    hashes: Int64s,
    bounds: Int64s,
    entries: Int64s,
    number: int,
    scratch: Int64s,
    start: int,
    codes: Codes,
) -> tuple[int, int]:
    """Fill `codes` from row `start` on; the row that there was no room for, or all, and the entries now.

    Parameters
    ----------
    words, places, sizes, terminated
        As of `Categories.encode`.
    slots
        int64, a power of two: entry by hash, -1 where none is.
    hashes, bounds, entries
        Entry e has hash ``hashes[e]`` and words ``entries[bounds[e]:bounds[e + 1]]``.
    number
        Entries that there are.
    scratch
        int64, room for the words of the longest value and one.
    """
    last = slots.size - 1
    before = -1
    for row in range(start, places.size):
        place, size = places[row], sizes[row]
        changed = False
        used = (size + 7) // 8
        if terminated:
            for i in range(used):
                word = words[place + i]
                if i == size >> 3:
                    word &= (1 << (8 * (size & 7))) - 1
                nulls = (word - _ONES) & ~word & _HIGHS
                if nulls != 0:
                    lowest = nulls & -nulls
                    word &= ((lowest >> 7) & _ONES) - 1
                    changed |= scratch[i] != word
                    scratch[i] = word
                    used = i + 1 if word != 0 else i
                    break
                changed |= scratch[i] != word
                scratch[i] = word
        else:
            while used > 0 and words[place + used - 1] == 0:
                used -= 1
            for i in range(used):
                changed |= scratch[i] != words[place + i]
                scratch[i] = words[place + i]
        if used == before and not changed:
            # most values are those of the row before
            codes[row] = codes[row - 1]
            continue
        before = used
        mixed = hash_of(scratch, used)
        slot = mixed & last
        entry = slots[slot]
        while entry >= 0:
            if hashes[entry] == mixed and bounds[entry + 1] - bounds[entry] == used:
                same = True
                for i in range(used):
                    if entries[bounds[entry] + i] != scratch[i]:
                        same = False
                        break
                if same:
                    break
            slot = (slot + 1) & last
            entry = slots[slot]
        if entry < 0:
            if number == hashes.size or bounds[number] + used > entries.size:
                return row, number
            entry = number
            slots[slot] = entry
            hashes[entry] = mixed
            for i in range(used):
                entries[bounds[entry] + i] = scratch[i]
            bounds[entry + 1] = bounds[entry] + used
            number += 1
        codes[row] = entry
    return places.size, number
