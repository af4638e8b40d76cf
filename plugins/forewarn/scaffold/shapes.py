"""What values look like: numbers and dates as people write them, addresses, truths."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from forewarn.expressions.conversions import CURRENCIES, NO, YES

ENOUGH = 0.9
_SAMPLE = 2_000

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}")
_PHONE = re.compile(r"(?=(?:.*\d){7})\+?[\d(][\d\s()./-]{6,20}")
_PLAIN_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_MONEY = f"(?:{'|'.join(CURRENCIES)})?"
_MESSY = (
    r"(?=.*\d){money}[(]?[+-]?{money}(?:\d{{1,3}}(?:[{group}]\d{{3}})+|\d+)?(?:[{mark}]\d*)?"
    r"-?[)]?[万萬亿億]?{money}"
)
_POINT, _COMMA = (
    re.compile(_MESSY.format(group=group, mark=mark, money=_MONEY)) for group, mark in ((",", "."), (".", ","))
)
_SIGNS = str.maketrans("", "", " \t\u00a0\u202f\u2009'’$€£¥₹₽₩₺%")
_CLOCK = r"(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?: ?[AaPp][Mm])?(?:Z| ?(?:UTC|GMT)| ?[+-]\d{2}:?\d{2}?)?)?"
_ISO = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})" + _CLOCK)
COMPACT = re.compile(r"(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")
_LOCAL = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4}|\d{2})" + _CLOCK)
_NAMED = re.compile(r"\d{1,2}[-/ ][A-Za-z]{3,9}[-/ ]\d{2,4}" + _CLOCK + r"|[A-Za-z]{3,9} \d{1,2},? \d{4}" + _CLOCK)
_CHINESE = re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})日(?: ?(\d{1,2}:\d{2})(:\d{2})?)?")
_SHORT = re.compile(r"(\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])( \d{2}:\d{2}:\d{2})?")
_TRUTHS = frozenset(YES + NO)


@dataclass(frozen=True)
class Shape:
    """What most values of a column are.

    Attributes
    ----------
    kind : str
        `empty`, `number`, `time`, `truth`, `email`, `phone` or `text`.
    how : str
        Of a number `plain`, `point` or `comma` (the decimal mark); of a time `ymd`, `dmy`, `mdy`, `either` (day and
        month cannot be told apart), `epoch`, `epoch_ms`, `epoch_us` or `excel`.
    whole : bool
        A number without decimals.
    """

    kind: str
    how: str = ""
    whole: bool = False


def shape_of(present: Sequence[str], declared: str | None = None) -> Shape:
    """Return the shape of the values that are there; a type that the source declares decides."""
    if declared is not None and (known := _DECLARED.get(declared)) is not None:
        return known
    if not present:
        return Shape("empty")
    sample = [value.strip() for value in (present if len(present) <= _SAMPLE else present[:: len(present) // _SAMPLE])]
    for look in (_compact, _truth, _plain, _time, _messy, _address):
        if (found := look(sample)) is not None:
            # One value that is written otherwise would be set aside with its row, unless the mapping reads it.
            otherwise = found.how == "plain" and not all(_PLAIN_NUMBER.fullmatch(value.strip()) for value in present)
            return Shape("number", "point") if otherwise else found
    return Shape("text")


# How many of what a time counts since 1970 are a second.
SINCE_1970 = {"epoch": 1, "epoch_ms": 1_000, "epoch_us": 1_000_000}
_PLAIN = Shape("number", "plain")
_DECLARED = {
    **dict.fromkeys(("timestamptz", "timestamp", "date"), Shape("time", "ymd")),
    "boolean": Shape("truth"),
    "bigint": Shape("number", "plain", whole=True),
    "numeric": _PLAIN,
    "double precision": _PLAIN,
}


def _compact(sample: Sequence[str]) -> Shape | None:
    return Shape("time", "ymd") if _most(sample, COMPACT) else None


def _truth(sample: Sequence[str]) -> Shape | None:
    if len(set(sample)) > 4 or sum(value.lower() in _TRUTHS for value in sample) < ENOUGH * len(sample):
        return None
    return None if all(_PLAIN_NUMBER.fullmatch(value) for value in sample) else Shape("truth")


def _plain(sample: Sequence[str]) -> Shape | None:
    if not _most(sample, _PLAIN_NUMBER):
        return None
    whole = all(re.fullmatch(r"[+-]?\d+", value) for value in sample)
    return Shape("number", "plain", whole=True) if whole else _PLAIN


def _messy(sample: Sequence[str]) -> Shape | None:
    bare = [value.translate(_SIGNS) for value in sample]
    return next(
        (Shape("number", how) for how, pattern in (("point", _POINT), ("comma", _COMMA)) if _most(bare, pattern)), None
    )


def _address(sample: Sequence[str]) -> Shape | None:
    if _most(sample, _EMAIL):
        return Shape("email")
    return Shape("phone") if _most(sample, _PHONE) else None


def number_of(value: str | None) -> float | None:
    """Return the number that a text is; None where it is none."""
    try:
        return float(value) if value is not None else None
    except ValueError:
        return None


def as_time(shape: Shape, values: Sequence[str]) -> Shape:
    """Return how a column of numbers, whose name says that it is a time, may count it; the shape itself otherwise."""
    if _most([value.strip() for value in values[:_SAMPLE]] or [""], _SHORT):
        return Shape("time", "YYMMDD HH24:MI:SS" if ":" in values[0] else "YYMMDD")
    if shape.kind != "number":
        return shape
    numbers = [float(value) for value in values[:_SAMPLE] if _PLAIN_NUMBER.fullmatch(value.strip())]
    if not numbers:
        return shape
    counted = [(how, 3e8 * parts, 5e9 * parts) for how, parts in SINCE_1970.items()]
    for how, low, high in (*counted, ("excel", 20_000, 80_000)):
        if sum(low <= number <= high for number in numbers) >= ENOUGH * len(numbers):
            return Shape("time", how)
    return shape


def _most(values: Sequence[str], pattern: re.Pattern[str]) -> bool:
    return sum(pattern.fullmatch(value) is not None for value in values) >= ENOUGH * len(values)


def _time(sample: Sequence[str]) -> Shape | None:
    clock = ("", " HH24:MI", " HH24:MI:SS")[min(max(value.count(":") for value in sample), 2)]
    for pattern, how in ((_ISO, "ymd"), (_CHINESE, 'YYYY"年"MM"月"DD"日"' + clock), (_NAMED, "dmy")):
        if _most(sample, pattern):
            return Shape("time", how)
    found = [match for value in sample if (match := _LOCAL.fullmatch(value))]
    if len(found) < ENOUGH * len(sample):
        return None
    first, second = (max(int(match[place]) for match in found) for place in (1, 2))
    if first > 31 or second > 31 or (first > 12 and second > 12):
        return None
    if first > 12:
        return Shape("time", "dmy")
    return Shape("time", "mdy" if second > 12 else "either")


def newest_day(values: Sequence[str], order: str) -> date | None:
    """Return the newest day among times in ISO form, in a local order or since 1970; None where none can be read."""
    days = []
    if order in SINCE_1970:
        seconds = [float(value) / SINCE_1970[order] for value in values if _PLAIN_NUMBER.fullmatch(value)]
        return datetime.fromtimestamp(max(seconds), UTC).date() if seconds else None
    for value in values:
        if match := _ISO.match(value.strip()) or _CHINESE.match(value.strip()):
            parts = (match[1], match[2], match[3])
        elif order.startswith("YYMMDD") and (match := _SHORT.fullmatch(value.strip())):
            # As PostgreSQL reads two digits: the year nearest to 2020.
            parts = (f"{'19' if match[1] >= '70' else '20'}{match[1]}", match[2], match[3])
        elif COMPACT.fullmatch(value.strip()):
            parts = (value.strip()[:4], value.strip()[4:6], value.strip()[6:8])
        elif match := _LOCAL.match(value.strip()):
            day, month = (match[2], match[1]) if order == "mdy" else (match[1], match[2])
            parts = (match[3] if len(match[3]) == 4 else f"20{match[3]}", month, day)
        else:
            continue
        try:
            days.append(date(*map(int, parts)))
        except ValueError:
            continue
    return max(days, default=None)
