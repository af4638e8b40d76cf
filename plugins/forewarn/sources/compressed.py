"""Files that are compressed: read as a stream, and refused when they unpack to far more than any export does."""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import Path
from typing import IO

from forewarn.sources.reader import PartRejected

FREE_BYTES = 100_000_000
MAX_RATIO = 200
_GZIP = b"\x1f\x8b"


def opened(path: Path) -> IO[bytes]:
    """Open a file for reading bytes; one that begins as gzip does is unpacked on the way.

    Reading raises PartRejected when the file was cut, or unpacks to more than `MAX_RATIO` times its size.
    """
    file = path.open("rb")
    if file.read(2) != _GZIP:
        file.seek(0)
        return file
    file.close()
    return io.BufferedReader(_Unpacking(path), 1 << 20)


def is_bomb(size: int, unpacked: int) -> bool:
    """Whether a compressed file unpacks to more than an honest one would."""
    return unpacked > FREE_BYTES and unpacked > MAX_RATIO * size


class _Unpacking(io.RawIOBase):
    def __init__(self, path: Path) -> None:
        self._inner, self._size, self._given = gzip.GzipFile(path, "rb"), path.stat().st_size, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        try:
            data = self._inner.read(len(buffer))
        except EOFError:
            raise PartRejected("expected a whole gzip file, got one that was cut") from None
        except (OSError, zlib.error) as error:
            raise PartRejected(f"expected a sound gzip file, got one that is not ({error})") from None
        buffer[: len(data)] = data
        self._given += len(data)
        if is_bomb(self._size, self._given):
            raise PartRejected(f"expected a file, got {self._size} bytes that unpack to more than {self._given}")
        return len(data)

    def close(self) -> None:
        self._inner.close()
        super().close()
