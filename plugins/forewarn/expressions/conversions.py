"""From text as people write it to numbers, dates and truths: what cannot be read gives null, and never stops a run.

A conversion stays one node in an expression's tree; only `render` spells it out for an engine. Landing asks `doubtful`
for them, so that a value which cannot be read is quarantined with its row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import ClassVar

from sqlglot import exp

MAX_NESTED = 3

YES = (
    "1", "true", "t", "yes", "y", "on", "x", "ja", "j", "wahr", "oui", "vrai", "si", "sí", "sì", "verdadero", "vero",
    "sim", "verdadeiro", "tak", "ano", "igen", "kyllä", "evet", "да", "是", "有", "真", "はい", "예",
)  # fmt: skip
NO = (
    "0", "false", "f", "no", "n", "off", "nein", "falsch", "non", "faux", "falso", "não", "nao", "nie", "ne", "nem",
    "nej", "nee", "ei", "hayır", "hayir", "нет", "否", "无", "假", "いいえ", "아니요",
)  # fmt: skip

CURRENCIES = (
    "AED", "AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "ILS", "INR", "JPY", "KRW",
    "MXN", "NOK", "NZD", "PLN", "RMB", "RON", "RUB", "SAR", "SEK", "SGD", "THB", "TRY", "TWD", "USD", "VND", "ZAR",
    "kr", "zł", "Kč", "Ft", "Rs", "lei", "元", "円",
)  # fmt: skip
# What stands after a number in Chinese and Japanese books: ten thousands, hundred millions.
_MYRIADS = {"[万萬]": 10_000, "[亿億]": 100_000_000}
_BLANKS_AND_SIGNS = " \t\u00a0\u202f\u2009'’$€£¥₹₽₩₺%"
_EXCEL_DAYS = 2_958_465
_EPOCH = (-2_208_988_800, 253_402_300_799)


class Number(exp.Expression, exp.Func):
    """`number(text, mark)`: a number with that decimal mark."""

    arg_types: ClassVar[dict[str, bool]] = {"this": True, "mark": False}
    _sql_names: ClassVar[list[str]] = ["NUMBER"]


class Truth(exp.Expression, exp.Func):
    """`truth(text)`: yes or no in the usual words of several languages."""

    arg_types: ClassVar[dict[str, bool]] = {"this": True}
    _sql_names: ClassVar[list[str]] = ["TRUTH"]


class ExcelDate(exp.Expression, exp.Func):
    """`excel_date(number)`: the day that a spreadsheet counts from 1900."""

    arg_types: ClassVar[dict[str, bool]] = {"this": True}
    _sql_names: ClassVar[list[str]] = ["EXCEL_DATE"]


class HashOf(exp.Expression, exp.Func):
    """`hash_of(a, b, …)`: one text that stands for several columns."""

    arg_types: ClassVar[dict[str, bool]] = {"expressions": True}
    is_var_len_args = True
    _sql_names: ClassVar[list[str]] = ["HASH_OF"]


OWN: dict[str, type[exp.Func]] = {
    "number": Number,
    "truth": Truth,
    "excel_date": ExcelDate,
    "hash_of": HashOf,
}
CONVERSIONS = (exp.TryCast, exp.StrToTime, exp.StrToDate, exp.UnixToTime, Number, Truth, ExcelDate)

_WANTED: dict[type[exp.Expr], str] = {
    exp.StrToTime: "a time like {format}",
    exp.StrToDate: "a date like {format}",
    exp.UnixToTime: "seconds since 1970",
    Number: "a number with {mark} before its decimals",
    Truth: "a yes or no",
    ExcelDate: "a day of a spreadsheet",
}


def is_nested_too_deeply(tree: exp.Expr) -> bool:
    """Whether one value is converted over and over: each conversion reads its text more than once."""
    for node in tree.find_all(*CONVERSIONS):
        depth, parent = 1, node.parent
        while parent is not None:
            depth += isinstance(parent, CONVERSIONS)
            parent = parent.parent
        if depth > MAX_NESTED:
            return True
    return False


def doubtful(tree: exp.Expr) -> Iterator[tuple[exp.Expr, str]]:
    """Yield each conversion whose failure nothing in the expression provides for, with what it expects, in words.

    Inside `case` and `coalesce` somebody has said what becomes of a value that cannot be read.
    """
    for node in tree.find_all(*CONVERSIONS):
        parent = node.parent
        while parent is not None and not isinstance(parent, exp.Case | exp.Coalesce):
            parent = parent.parent
        if parent is None:
            yield node, _wanted(node)


def spelled_out(tree: exp.Expr, dialect: str) -> exp.Expr:
    """Return a tree in which every conversion is written in an engine's own functions."""
    tree = tree.copy()
    # Parts before wholes, so that a conversion of a conversion finds its own already written out.
    for node in reversed(list(tree.walk())):
        if (spelling := _SPELLINGS.get(type(node))) is None:
            continue
        spelled = spelling(node, dialect)
        if node is tree:
            tree = spelled
        elif spelled is not node:
            node.replace(spelled)
    return tree


def time_format(pattern: str) -> tuple[str, str] | None:
    """Return a regular expression for a time format and the ISO text that its groups make; None for an unknown one.

    The format is in the parser's own letters (`%d.%m.%Y`), as the tree holds it.
    """
    expression, groups, at = "", {}, 0
    tokens = _TOKEN.findall(pattern)
    if "".join(tokens) != pattern:
        return None
    for place, token in enumerate(tokens):
        kind = _ALIKE.get(token, token)
        if kind not in _PARTS:
            if token.isalpha():
                return None
            expression += re.escape(token.strip('"'))
            continue
        if kind in groups:
            return None
        at += 1
        groups[kind] = at
        # Without a sign between them, only the width tells where one number ends.
        alone = all(
            _ALIKE.get(tokens[beside], tokens[beside]) not in _PARTS
            for beside in (place - 1, place + 1)
            if 0 <= beside < len(tokens)
        )
        expression += f"({_PARTS[kind][0 if alone else 1]})"
    year = next((f"{prefix}\\{groups[kind]}" for kind, prefix in (("%Y", ""), ("%y", "20")) if kind in groups), None)
    if year is None:
        return None
    month = next((f"\\{groups[kind]}" for kind in ("%m", "%b") if kind in groups), "01")
    iso = f"{year}-{month}-" + (f"\\{groups['%d']}" if "%d" in groups else "01")
    hour = next((f"\\{groups[kind]}" for kind in ("%H", "%I") if kind in groups), None)
    if ("%I" in groups) != ("%p" in groups):
        return None
    if hour:
        minute, second = (f"\\{groups[kind]}" if kind in groups else "00" for kind in ("%M", "%S"))
        iso += f" {hour}:{minute}:{second}" + (f" \\{groups['%p']}" if "%p" in groups else "")
    return f"^\\s*{expression}\\s*$", iso


_TOKEN = re.compile(r'%-?[a-zA-Z]|AM|PM|am|pm|MS|US|MON|Mon|mon|Month|"[^"]*"|[^%"]')
_ALIKE = {
    "%-d": "%d", "%-m": "%m", "%-H": "%H", "%-I": "%I", "%-M": "%M", "%-S": "%S", "%-y": "%y", "%B": "%b", "MON": "%b",
    "Mon": "%b", "mon": "%b", "Month": "%b", "AM": "%p", "PM": "%p", "am": "%p", "pm": "%p", "MS": "%f", "US": "%f",
}  # fmt: skip
_PARTS = {
    "%Y": (r"\d{4}", r"\d{4}"),
    "%y": (r"\d{2}", r"\d{2}"),
    "%m": (r"0?[1-9]|1[0-2]", r"0[1-9]|1[0-2]"),
    "%d": (r"0?[1-9]|[12]\d|3[01]", r"0[1-9]|[12]\d|3[01]"),
    "%b": (r"[A-Za-z]{3,9}", r"[A-Za-z]{3}"),
    "%H": (r"[01]?\d|2[0-3]", r"[01]\d|2[0-3]"),
    "%I": (r"0?[1-9]|1[0-2]", r"0[1-9]|1[0-2]"),
    "%M": (r"[0-5]?\d", r"[0-5]\d"),
    "%S": (r"[0-5]?\d", r"[0-5]\d"),
    "%f": (r"\d{1,6}", r"\d{1,6}"),
    "%p": (r"[AaPp][Mm]", r"[AaPp][Mm]"),
}


def _wanted(node: exp.Expr) -> str:
    if isinstance(node, exp.TryCast):
        return f"{node.to.sql('postgres').lower().replace('decimal', 'a number')}"
    format_ = node.args.get("format")
    written = type(node)(this=exp.Null(), format=format_.copy()).sql("postgres") if format_ is not None else ""
    mark = node.args.get("mark")
    return _WANTED[type(node)].format(
        format=written.split(", ", 1)[-1].strip("')"), mark=f"`{mark.this}`" if mark is not None else "`.`"
    )


def _call(name: str, *arguments: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=list(arguments))


def _when(condition: exp.Expr, value: exp.Expr) -> exp.Expr:
    return exp.Case(ifs=[exp.If(this=condition, true=value)])


def _as_text(node: exp.Expr) -> exp.Expr:
    return exp.Cast(this=node.copy(), to=exp.DataType(this=exp.DType.TEXT))


def _try_cast(node: exp.Expr, dialect: str) -> exp.Expr:
    if dialect != "postgres" or not isinstance(node, exp.TryCast):
        return node
    kind = node.to.this
    name = {exp.DType.DECIMAL: "numeric", exp.DType.TIMESTAMPTZ: "timestamptz"}.get(kind, kind.value.lower())
    valid = _call("pg_input_is_valid", _as_text(node.this), exp.Literal.string(name))
    return _when(valid, exp.Cast(this=node.this.copy(), to=exp.DataType(this=kind, nested=False)))


def _matches(text: exp.Expr, pattern: str) -> exp.Expr:
    return exp.RegexpLike(this=_one(text), expression=exp.Literal.string(pattern))


def _one(node: exp.Expr) -> exp.Expr:
    """Return a copy that stands beside any operator."""
    return exp.Paren(this=node.copy()) if isinstance(node, exp.Binary | exp.Unary) else node.copy()


def _time(node: exp.Expr, dialect: str) -> exp.Expr:
    expected = time_format(str(node.args["format"].this))
    if expected is None or dialect != "postgres":
        return node
    pattern, iso = expected
    spelled = _call("regexp_replace", node.this.copy(), exp.Literal.string(pattern), exp.Literal.string(iso))
    valid = _call("pg_input_is_valid", spelled, exp.Literal.string("timestamp"))
    return _when(exp.and_(_matches(node.this, pattern), valid), node.copy())


def _unix(node: exp.Expr, dialect: str) -> exp.Expr:
    del dialect
    low, high = (exp.Literal.number(abs(bound)) for bound in _EPOCH)
    return _when(exp.Between(this=node.this.copy(), low=exp.Neg(this=low), high=high), node.copy())


def _number(node: exp.Expr, dialect: str) -> exp.Expr:
    """Take blanks, signs of currencies and `%` away, see that what is left is a number, and take its groups away."""
    mark = str(node.args["mark"].this) if node.args.get("mark") is not None else "."
    group = "," if mark == "." else "."
    bare = _call("translate", _as_text(node.this), exp.Literal.string(_BLANKS_AND_SIGNS), exp.Literal.string(""))
    # An amount in brackets is one to be taken away, as bookkeepers write it; a currency may stand as letters.
    money = f"({'|'.join(CURRENCIES)})?"
    pattern = (
        rf"^{money}[(]?[+-]?{money}(\d{{1,3}}([{group}]\d{{3}})+|\d+)?([{mark}]\d*)?"
        rf"([eE][+-]?\d{{1,2}})?-?[)]?({'|'.join(_MYRIADS)})?{money}$"
    )
    sound = exp.and_(_matches(bare, pattern), _matches(bare, r"\d"), exp.not_(_matches(bare, r"^[^0-9]*[-+(].*-\D*$")))
    plain = _call(
        "regexp_replace",
        _call("translate", bare, exp.Literal.string(mark + group + "()+"), exp.Literal.string(".")),
        exp.Literal.string(r"^[^-.0-9]*(-?)[^-.0-9]*([0-9.]+([eE]-?[0-9]+)?)(-?)[^-.0-9]*$"),
        exp.Literal.string(r"\1\4\2"),
    )
    number = exp.Cast(this=plain, to=exp.DataType(this=exp.DType.DECIMAL, nested=False))
    many = [exp.If(this=_matches(bare, sign), true=exp.Literal.number(times)) for sign, times in _MYRIADS.items()]
    value: exp.Expr = exp.Mul(this=number, expression=exp.Case(ifs=many, default=exp.Literal.number(1)))
    bracketed = exp.Like(this=_as_text(node.this), expression=exp.Literal.string("%(%"))
    signed = exp.Case(ifs=[exp.If(this=bracketed, true=exp.Neg(this=value.copy()))], default=value)
    del dialect
    return _when(sound, signed)


def _truth(node: exp.Expr, dialect: str) -> exp.Expr:
    del dialect
    word = exp.Lower(this=exp.Trim(this=_as_text(node.this)))
    branches = [
        exp.If(
            this=exp.In(this=word.copy(), expressions=[exp.Literal.string(one) for one in words]),
            true=exp.Boolean(this=value),
        )
        for words, value in ((YES, True), (NO, False))
    ]
    return exp.Case(ifs=branches)


def _excel(node: exp.Expr, dialect: str) -> exp.Expr:
    """Day 1 is 1 January 1900, and day 60 a 29 February that never was: from day 61 on, days count from 30 December."""
    del dialect
    zone = exp.DataType(this=exp.DType.TIMESTAMPTZ, nested=False)
    origin = exp.Cast(this=exp.Literal.string("1899-12-30 00:00:00+00"), to=zone)
    length = exp.Mul(
        this=exp.Paren(this=node.this.copy()),
        expression=exp.Interval(this=exp.Literal.string("1"), unit=exp.Var(this="DAY")),
    )
    inside = exp.Between(this=node.this.copy(), low=exp.Literal.number(61), high=exp.Literal.number(_EXCEL_DAYS))
    return _when(inside, exp.Add(this=origin, expression=length))


def _hash(node: exp.Expr, dialect: str) -> exp.Expr:
    """Hash the columns one after the other, with a sign between them that no text holds; null is not the empty text."""
    del dialect
    parts = [exp.Coalesce(this=_as_text(part), expressions=[exp.Literal.string("\u241f")]) for part in node.expressions]
    return _call("md5", _call("concat_ws", exp.Literal.string("\u241e"), *parts))


_SPELLINGS: dict[type[exp.Expr], Callable[[exp.Expr, str], exp.Expr]] = {
    exp.TryCast: _try_cast,
    exp.StrToTime: _time,
    exp.StrToDate: _time,
    exp.UnixToTime: _unix,
    Number: _number,
    Truth: _truth,
    ExcelDate: _excel,
    HashOf: _hash,
}
