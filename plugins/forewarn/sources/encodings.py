"""Which characters the bytes of a file mean: by its mark, declared, UTF-8, or Chinese beyond doubt; never guessed."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from pathlib import Path

from forewarn.sources.compressed import opened
from forewarn.sources.reader import PartRejected

_CHUNK = 1 << 20
_SAMPLE = 1 << 18
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_CHINESE = {"gb18030", "gbk", "gb2312", "cp936", "hz"}
_NON_ASCII_LINE = re.compile(rb"[^\n]*[\x80-\xff][^\n]*")


def encoding_of(path: Path, declared: str | None, *, is_utf8: bool) -> str:
    """Return the encoding to read a file with.

    Raises
    ------
    PartRejected
        The file is not UTF-8 and nothing says what else it is.
    """
    with opened(path) as file:
        head = file.read(4)
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    if declared:
        return declared
    if is_utf8:
        return "utf-8"
    sample = _non_ascii_lines(path)
    readable = sum(_decodes(line, "utf-8") for line in sample)
    if readable * 2 > len(sample):
        # UTF-8 with a few broken rows, which are set aside one by one.
        return "utf-8"
    from charset_normalizer import from_bytes

    best = from_bytes(b"\n".join(sample)).best()
    guess = best.encoding if best else "no encoding that is known"
    chinese = guess in _CHINESE or (best is not None and bool(_CHINESE & set(best.could_be_from_charset)))
    if chinese and _decodes_whole(path, "gb18030"):
        return "gb18030"
    raise PartRejected(f"expected UTF-8, got something else (perhaps {guess}); declare `encoding:` for this stream")


def decoded_lines(path: Path, encoding: str) -> Iterator[str]:
    """Yield the lines of a file; a byte that means nothing becomes a lone surrogate, by which its row is known."""
    known = "utf-8-sig" if encoding == "utf-8" else encoding
    with opened(path) as file, io.TextIOWrapper(file, encoding=known, errors="surrogateescape", newline="") as lines:
        yield from lines


def _non_ascii_lines(path: Path) -> list[bytes]:
    lines: list[bytes] = []
    size = 0
    with opened(path) as file:
        while size < _SAMPLE and (chunk := file.read(_CHUNK)):
            for line in _NON_ASCII_LINE.findall(chunk):
                lines.append(line)
                size += len(line)
                if size >= _SAMPLE:
                    break
    return lines


def _decodes(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _decodes_whole(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with opened(path) as file:
            while chunk := file.read(_CHUNK):
                decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True
