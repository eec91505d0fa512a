"""A file that HDF5 may change as it likes, without one of its bytes being changed.

What HDF5 writes behind the end goes to the file, where nothing refers to it; what it writes before the end
stays in memory, where only HDF5 sees it.
"""

import io
import os
from typing import Any

_PAGE = 4096


class TailFile(io.RawIOBase):
    """The file object that `h5py.File` is opened on.

    Parameters
    ----------
    descriptor
        The file, open for reading and writing; it stays open.
    end
        First byte that may be written.

    Attributes
    ----------
    fault
        The first error in writing. HDF5 is not told of it, because it cannot close a file that cannot be
        written; whoever uses the file looks here.
    size
        Bytes of the file, as HDF5 wants it.
    """

    def __init__(self, descriptor: int, end: int) -> None:
        self.fault: OSError | None = None
        self.size = os.fstat(descriptor).st_size
        self._descriptor = descriptor
        self._end = end
        self._place = 0
        self._pages: dict[int, bytearray] = {}

    def seekable(self) -> bool:
        """True."""
        return True

    def readable(self) -> bool:
        """True."""
        return True

    def writable(self) -> bool:
        """True."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a byte."""
        self._place = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self.size}[whence]
        return self._place

    def tell(self) -> int:
        """The byte that is read or written next."""
        return self._place

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer`: with zeros where the file is not written yet."""
        wanted = memoryview(buffer).cast("B")
        start, stop = self._place, self._place + len(wanted)
        num_read = 0
        while num_read < len(wanted):
            step = os.preadv(self._descriptor, [wanted[num_read:]], start + num_read)
            if step == 0:
                wanted[num_read:] = bytes(len(wanted) - num_read)
                break
            num_read += step
        end = min(stop, self._end)
        for page in range(start // _PAGE, -(-end // _PAGE) if start < end else 0):
            if (kept := self._pages.get(page)) is not None:
                begin = page * _PAGE
                first, last = max(start, begin), min(end, begin + _PAGE)
                wanted[first - start : last - start] = kept[first - begin : last - begin]
        self._place = stop
        return len(wanted)

    def write(self, content: Any) -> int:
        """Write at the present place: in memory before the end, in the file behind it."""
        given = memoryview(content).cast("B")
        start = self._place
        before = max(0, min(len(given), self._end - start))
        self._keep(start, given[:before])
        self._put(start + before, given[before:])
        self._place = start + len(given)
        self.size = max(self.size, self._place)
        return len(given)

    def _keep(self, start: int, given: memoryview) -> None:
        stop = start + len(given)
        for page in range(start // _PAGE, -(-stop // _PAGE)):
            begin = page * _PAGE
            if page not in self._pages:
                stored = os.pread(self._descriptor, _PAGE, begin)
                self._pages[page] = bytearray(stored.ljust(_PAGE, b"\0"))
            first, last = max(start, begin), min(stop, begin + _PAGE)
            self._pages[page][first - begin : last - begin] = given[first - start : last - start]

    def _put(self, start: int, given: memoryview) -> None:
        while given and self.fault is None:
            try:
                written = os.pwrite(self._descriptor, given, start)
            except OSError as error:
                self.fault = error
                return
            given, start = given[written:], start + written

    def truncate(self, size: int | None = None) -> int:
        """Note the size that HDF5 wants the file to have."""
        self.size = self._place if size is None else size
        return self.size

    def flush(self) -> None:
        """Nothing: what is to be on the disk, is brought there before the file is changed."""
