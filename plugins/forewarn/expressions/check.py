"""Check a parsed tree against the grammar, type it, and copy what is allowed into a tree of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn
from zoneinfo import available_timezones

from sqlglot import exp

from forewarn.config.yaml import did_you_mean
from forewarn.expressions import arithmetic, grammar
from forewarn.expressions import kinds as types
from forewarn.expressions.arithmetic import constant
from forewarn.expressions.conversions import OWN, ExcelDate, HashOf, Number, Truth, time_format
from forewarn.expressions.errors import ExpressionError
from forewarn.expressions.kinds import (
    BOOLEAN,
    DATE,
    INTEGER,
    INTERVAL,
    LITERAL,
    NULL,
    NUMERIC,
    TEXT,
    TIMESTAMP,
    UNKNOWN,
)

Typed = tuple[exp.Expr, str]

_NUMBER = re.compile(r"(\d{1,40}(\.\d{0,40})?|\.\d{1,40})([eE][+-]?\d{1,3})?")
_TRUTHS = frozenset({"true", "false", "t", "f", "yes", "no", "y", "n", "on", "off", "1", "0"})


class Checker:
    """Copies the tree of one text; `columns` maps each declared name to its PostgreSQL type or None."""

    def __init__(self, text: str, columns: Mapping[str, str | None]) -> None:
        self.text, self.columns = text, columns
        self._rules: dict[type[exp.Expr], Callable[[Any], Typed]] = {
            exp.Column: self._column,
            exp.Literal: self._literal,
            exp.Boolean: lambda node: (exp.Boolean(this=bool(node.this)), BOOLEAN),
            exp.Null: lambda node: (exp.Null(), NULL),
            exp.Paren: self._paren,
            exp.Neg: self._negative,
            exp.Not: self._logic,
            exp.And: self._logic,
            exp.Or: self._logic,
            exp.Is: self._is,
            exp.In: self._in,
            exp.Between: self._between,
            exp.Case: self._case,
            exp.Cast: self._cast,
            exp.DPipe: self._join,
            exp.Nullif: self._nullif,
            exp.Interval: self._interval,
            exp.Extract: self._extract,
            exp.TimestampTrunc: self._truncate,
            exp.AtTimeZone: self._zone,
            exp.Anonymous: self._own,
            **dict.fromkeys(grammar.COMPARISONS, self._comparison),
            **dict.fromkeys(grammar.ARITHMETIC, self._arithmetic),
            **dict.fromkeys(grammar.PATTERNS, self._pattern),
            **dict.fromkeys(grammar.FUNCTIONS, self._function),
        }

    def check(self, node: exp.Expr) -> Typed:
        """Return the copy of a node and its type, or raise ExpressionError at the first thing not allowed."""
        rule = self._rules.get(type(node))
        if rule is None:
            self._refuse(node)
        return rule(node)

    def fail(self, node: exp.Expr, problem: str, hint: str = "") -> NoReturn:
        """Raise the error for the place of a node."""
        starts = [part.meta["start"] for part in node.walk() if "start" in part.meta]
        line, column = place(self.text, min(starts, default=0))
        raise ExpressionError(line, column, problem, hint)

    def _refuse(self, node: exp.Expr) -> NoReturn:
        for kinds, name, hint in grammar.REFUSED:
            if isinstance(node, kinds):
                self.fail(node, f"{name} is not part of the language", hint)
        if isinstance(node, exp.Func) and ("start" in node.meta or isinstance(node, exp.Anonymous)):
            name = self.text[node.meta["start"] : node.meta["end"] + 1].lower() if "start" in node.meta else node.name
            self.fail(node, f"unknown function `{name[:60]}`", did_you_mean(name, grammar.FUNCTION_NAMES))
        self.fail(node, f"`{node.key}` is not part of the language", "see docs/reference/expressions.md")

    def _only(self, node: exp.Expr, *allowed: str) -> None:
        """Refuse whatever else a node of this kind could hold."""
        for name, value in node.args.items():
            if name not in allowed and value not in (None, False, []):
                self.fail(node, f"`{name}` of `{node.key}` is not part of the language", "write it in a simpler way")

    def _operand(self, node: exp.Expr | None, parent: exp.Expr) -> Typed:
        """Check an operand of an operator, which binds tighter than any comparison."""
        if not isinstance(node, exp.Expr):
            self.fail(parent, f"`{parent.key}` lacks an operand")
        if isinstance(node, grammar.PREDICATES):
            self.fail(node, "a comparison is used as a value", "put it in parentheses, or join comparisons with `and`")
        return self.check(node)

    def _want(self, node: exp.Expr, kind: str, wanted: str, what: str) -> None:
        if kind == NULL and wanted not in (UNKNOWN, BOOLEAN):
            self.fail(node, f"{what} is null, so the result always is", "leave it out")
        if not types.fits(kind, wanted):
            hint = f"use cast(… as {wanted})" if wanted in grammar.CAST_NAMES else ""
            self.fail(node, f"{what} must be {wanted}, and this is {_spoken(kind)}", hint)

    def _compare(self, parent: exp.Expr, left: Typed, right: Typed) -> None:
        if not types.comparable(left[1], right[1]):
            self.fail(
                parent,
                f"{_spoken(left[1])} cannot be compared with {_spoken(right[1])}",
                "write numbers without quotes, or cast one side: cast(… as numeric)",
            )
        for one, other in ((left, right), (right, left)):
            if one[1] == LITERAL and other[1] in types.TIMES and not types.is_moment(constant(one[0])):
                self.fail(parent, f"'{constant(one[0])[:40]}' is not a date", "write it as '2026-01-31'")

    def _column(self, node: exp.Expr) -> Typed:
        if not isinstance(node.this, exp.Identifier):
            self._refuse(node.this if isinstance(node.this, exp.Expr) else node)
        if node.args.get("table"):
            self.fail(node, "columns are written without a table", f"write {node.name}")
        self._only(node, "this")
        written = node.name
        folded = written if node.this.args.get("quoted") else written.lower()
        name = next((known for known in (folded, written) if known in self.columns), None)
        if name is None:
            self.fail(node, f"unknown column `{written[:60]}`", _near_column(written, self.columns))
        return exp.column(exp.to_identifier(name, quoted=True)), types.declared(self.columns[name])

    def _literal(self, node: exp.Expr) -> Typed:
        value = str(node.this)
        if node.args.get("is_string"):
            return exp.Literal.string(value), LITERAL
        if not _NUMBER.fullmatch(value) or abs(float(value)) == float("inf"):
            self.fail(node, f"`{value[:40]}` is not a number", "write it like 12 or 12.5")
        return exp.Literal.number(value), INTEGER if value.isdigit() else NUMERIC

    def _paren(self, node: exp.Expr) -> Typed:
        self._only(node, "this")
        inner, kind = self.check(node.this)
        return exp.Paren(this=inner), kind

    def _negative(self, node: exp.Expr) -> Typed:
        value, kind = self._operand(node.this, node)
        if kind not in types.NUMBERS | {INTERVAL, UNKNOWN}:
            self.fail(node, f"minus needs a number, and this is {_spoken(kind)}", "use cast(… as numeric)")
        return exp.Neg(this=value), kind

    def _logic(self, node: exp.Expr) -> Typed:
        self._only(node, "this", "expression")
        sides = []
        for side in [node.args[name] for name in ("this", "expression") if node.args.get(name) is not None]:
            value, kind = self.check(side)
            self._want(side, kind, BOOLEAN, f"what `{node.key}` joins" if len(node.args) > 1 else "what follows `not`")
            sides.append(value)
        return type(node)(**dict(zip(("this", "expression"), sides, strict=False))), BOOLEAN

    def _comparison(self, node: exp.Expr) -> Typed:
        self._only(node, "this", "expression")
        left, right = self._operand(node.this, node), self._operand(node.args.get("expression"), node)
        self._compare(node, left, right)
        return type(node)(this=left[0], expression=right[0]), BOOLEAN

    def _is(self, node: exp.Expr) -> Typed:
        self._only(node, "this", "expression", "negate")
        value, kind = self._operand(node.this, node)
        constant = node.args.get("expression")
        if isinstance(constant, exp.Boolean):
            self._want(node, kind, BOOLEAN, "what stands before `is true`")
            what: exp.Expr = exp.Boolean(this=bool(constant.this))
        elif isinstance(constant, exp.Null):
            what = exp.Null()
        else:
            self.fail(node, "after `is` comes null, true or false", "compare values with `=`")
        tree: exp.Expr = exp.Is(this=value, expression=what)
        return (exp.Not(this=tree) if node.args.get("negate") else tree), BOOLEAN

    def _in(self, node: exp.Expr) -> Typed:
        if query := node.args.get("query") or node.args.get("unnest") or node.args.get("field"):
            self._refuse(query)
        self._only(node, "this", "expressions")
        value = self._operand(node.this, node)
        options = [self._operand(option, node) for option in node.args.get("expressions") or ()]
        if not options:
            self.fail(node, "the list after `in` is empty", "write at least one value")
        for option in options:
            self._compare(node, value, option)
        return exp.In(this=value[0], expressions=[option for option, _ in options]), BOOLEAN

    def _between(self, node: exp.Expr) -> Typed:
        self._only(node, "this", "low", "high")
        value, low, high = (self._operand(node.args.get(name), node) for name in ("this", "low", "high"))
        self._compare(node, value, low)
        self._compare(node, value, high)
        return exp.Between(this=value[0], low=low[0], high=high[0]), BOOLEAN

    def _pattern(self, node: exp.Expr) -> Typed:
        self._only(node, "this", "expression", "negate")
        sides = []
        for name in ("this", "expression"):
            value, kind = self._operand(node.args.get(name), node)
            self._want(node, kind, TEXT, "each side of `like`")
            sides.append(value)
        if re.search(r"(?<!\\)(\\\\)*\\$", constant(sides[1])):
            self.fail(node, "the pattern ends with its escape character", r"write \\ for a backslash")
        tree: exp.Expr = type(node)(this=sides[0], expression=sides[1])
        return (exp.Not(this=tree) if node.args.get("negate") else tree), BOOLEAN

    def _case(self, node: exp.Expr) -> Typed:
        self._only(node, "this", "ifs", "default")
        subject = self._operand(node.this, node) if node.args.get("this") else None
        if subject and subject[1] in (NULL, LITERAL):
            self.fail(node, "what follows `case` is a constant", "write case when … then … end")
        branches, kinds = [], []
        for branch in node.args["ifs"]:
            if subject:
                condition = self._operand(branch.this, node)
                self._compare(branch, subject, condition)
            else:
                condition = self.check(branch.this)
                self._want(branch, condition[1], BOOLEAN, "what follows `when`")
            value, kind = self.check(branch.args["true"])
            branches.append(exp.If(this=condition[0], true=value))
            kinds.append(kind)
        if not branches:
            self.fail(node, "`case` has no `when`")
        default = self.check(node.args["default"]) if node.args.get("default") else None
        kinds += [default[1]] if default else []
        copy = exp.Case(
            **({"this": subject[0]} if subject else {}), ifs=branches, **({"default": default[0]} if default else {})
        )
        return copy, self._common(node, kinds)

    def _common(self, node: exp.Expr, kinds: list[str]) -> str:
        kind = types.common(kinds)
        if kind is None:
            spoken = " and ".join(dict.fromkeys(_spoken(kind) for kind in kinds))
            self.fail(node, f"`{node.key}` would be {spoken} at once", "cast them to one type")
        return self._some(node, kind)

    def _some(self, node: exp.Expr, kind: str) -> str:
        """Refuse what is null whatever the row: PostgreSQL makes a text of it, which compares with nothing else."""
        if kind == NULL:
            self.fail(node, f"`{node.key}` is always null here", "leave it out, or write cast(null as numeric)")
        return kind

    def _cast(self, node: exp.Expr) -> Typed:
        self._only(node, "this", "to", "_type")
        to = node.args["to"]
        target = grammar.CASTS.get(to.this) if isinstance(to, exp.DataType) and not to.expressions else None
        if target is None:
            name = to.sql("postgres").lower()
            self.fail(node, f"there is no cast to `{name[:40]}`", did_you_mean(name, grammar.CAST_NAMES))
        value, kind = self._operand(node.this, node)
        if kind != UNKNOWN and kind not in target[1]:
            self.fail(node, f"{_spoken(kind)} cannot become {target[0]}", "cast it to text first, or compare it")
        if kind == LITERAL and not _readable(constant(value), target[0]):
            self.fail(node, f"'{constant(value)[:40]}' is no {target[0]}", "mend the quoted value")
        # Only a text can be no date: a value that cannot be read gives null, and landing sets its row aside.
        cast = exp.TryCast if kind in (TEXT, UNKNOWN) and target[0] != TEXT else exp.Cast
        return cast(this=value, to=exp.DataType(this=to.this, nested=False)), target[0]

    def _own(self, node: exp.Anonymous) -> Typed:
        """Check a function that is the language's own."""
        name = str(node.this).lower()
        if name not in OWN:
            self._refuse(node)
        values = [self._operand(value, node) for value in node.expressions]
        given, kind = len(values), OWN[name]
        if given == 0 or (kind in (Truth, ExcelDate) and given > 1) or (kind is Number and given > 2):
            self.fail(node, f"`{name}` does not take {given} arguments", "see docs/reference/expressions.md")
        copies = [value for value, _ in values]
        if kind is HashOf:
            return HashOf(expressions=copies), TEXT
        if kind is Number:
            if given == 2 and constant(copies[1]) not in (".", ","):
                self.fail(node, "the decimal mark is '.' or ','", "write number(price, ',')")
            return Number(this=copies[0], **({"mark": copies[1]} if given == 2 else {})), NUMERIC
        if kind is Truth:
            return Truth(this=copies[0]), BOOLEAN
        self._want(node, values[0][1], NUMERIC, "what excel_date reads")
        return ExcelDate(this=copies[0]), TIMESTAMP

    def _join(self, node: exp.Expr) -> Typed:
        left, right = self._operand(node.this, node), self._operand(node.args.get("expression"), node)
        if not {left[1], right[1]} & {TEXT, LITERAL, UNKNOWN}:
            self.fail(node, "`||` needs a text on one side", "use cast(… as text)")
        return exp.DPipe(this=left[0], expression=right[0], safe=True), TEXT

    def _nullif(self, node: exp.Expr) -> Typed:
        self._only(node, "this", "expression")
        left, right = self._operand(node.this, node), self._operand(node.args.get("expression"), node)
        self._compare(node, left, right)
        kind = TEXT if left[1] == LITERAL else self._some(node, left[1])
        return exp.Nullif(this=left[0], expression=right[0]), kind

    def _interval(self, node: exp.Expr) -> Typed:
        self._only(node, "this", "unit")
        amount, unit = node.this, node.args.get("unit")
        value = str(amount.this) if isinstance(amount, exp.Literal) else ""
        if not re.fullmatch(r"\d{1,6}", value) or not isinstance(unit, exp.Var):
            self.fail(node, "an interval is a whole number and a unit", "write interval '3 days'")
        if (name := unit.name.upper()) not in grammar.INTERVAL_UNITS:
            self.fail(node, f"unknown unit `{name.lower()[:20]}`", "second, minute, hour, day, week, month or year")
        return exp.Interval(this=exp.Literal.string(value), unit=exp.Var(this=name)), INTERVAL

    def _extract(self, node: exp.Expr) -> Typed:
        self._only(node, "this", "expression")
        part = node.this.name.upper() if isinstance(node.this, exp.Var) else ""
        if part not in grammar.TIME_PARTS:
            known = [name.lower() for name in grammar.TIME_PARTS]
            self.fail(node, f"unknown part of a time `{part.lower()[:20]}`", did_you_mean(part.lower(), known))
        value, kind = self._operand(node.args.get("expression"), node)
        if kind not in types.TIMES | {INTERVAL, UNKNOWN}:
            self.fail(node, f"extract needs a time, and this is {_spoken(kind)}", "use cast(… as timestamptz)")
        return exp.Extract(this=exp.Var(this=part), expression=value), NUMERIC

    def _truncate(self, node: exp.Expr) -> Typed:
        self._only(node, "this", "unit")
        unit = node.args.get("unit")
        name = unit.name.upper() if isinstance(unit, exp.Var | exp.Literal) else ""
        if name not in grammar.TRUNCATIONS:
            self.fail(node, f"date_trunc knows no unit `{name.lower()[:20]}`", "minute, hour, day, week, month, year")
        value, kind = self._operand(node.this, node)
        self._want(node, TIMESTAMP if kind == DATE else kind, TIMESTAMP, "what date_trunc cuts")
        return exp.TimestampTrunc(this=value, unit=exp.Var(this=name)), TIMESTAMP

    def _zone(self, node: exp.Expr) -> Typed:
        self._only(node, "this", "zone")
        zone = node.args.get("zone")
        name = str(zone.this) if isinstance(zone, exp.Literal) and zone.is_string else ""
        if name not in available_timezones():
            hint = did_you_mean(name, [known for known in available_timezones() if "/" in known])
            self.fail(
                node, f"unknown time zone `{name[:40]}`", hint if len(hint) < 80 else "write it as 'Europe/Berlin'"
            )
        value, kind = self._operand(node.this, node)
        self._want(node, kind, TIMESTAMP, "what stands before `at time zone`")
        return exp.AtTimeZone(this=value, zone=exp.Literal.string(name)), TIMESTAMP

    def _arithmetic(self, node: exp.Expr) -> Typed:
        self._only(node, "this", "expression", "typed", "safe")
        left, right = self._operand(node.this, node), self._operand(node.args.get("expression"), node)
        kind = arithmetic.result(type(node), left[1], right[1])
        if kind is None:
            sign = {"add": "+", "sub": "-", "mul": "*", "div": "/", "mod": "%"}[node.key]
            self.fail(
                node,
                f"`{sign}` does not go with {_spoken(left[1])} and {_spoken(right[1])}",
                "declare the column's type, or use cast(… as numeric)",
            )
        if isinstance(node, exp.Div | exp.Mod):
            return arithmetic.divide(type(node), left, right), kind
        return type(node)(this=left[0], expression=right[0]), kind

    def _function(self, node: exp.Expr) -> Typed:
        shape = grammar.FUNCTIONS[type(node)]
        self._only(node, *shape.arguments, *shape.flags)
        copies: dict[str, Any] = {}
        kinds: list[str] = []
        for name, wanted in shape.arguments.items():
            given = node.args.get(name)
            if given is None and name in shape.optional:
                continue
            values = [self._operand(value, node) for value in (given if isinstance(given, list) else [given])]
            for copy, kind in values:
                if wanted == TEXT and kind in types.TIMES and isinstance(node, exp.StrToTime | exp.StrToDate):
                    hint = "leave the function out; its column is read as a time elsewhere, or has that type"
                    self.fail(node, f"what is to be read as a time is {_spoken(kind)} already", hint)
                self._want(node, kind, wanted, f"`{name}` of `{node.key}`")
                if wanted == LITERAL:
                    self._format(node, copy)
            copies[name] = [copy for copy, _ in values] if isinstance(given, list) else values[0][0]
            kinds += [kind for _, kind in values]
        for name in shape.flags.keys() & node.args.keys():
            if node.args[name] not in (None, *shape.flags[name]):
                self.fail(node, f"`{name}` of `{node.key}` is not part of the language")
            copies[name] = node.args[name]
        if not kinds:
            self.fail(node, f"`{node.key}` needs an argument")
        return self._adjusted(type(node)(**copies)), self._result(node, shape.result, kinds)

    def _result(self, node: exp.Expr, result: str, kinds: list[str]) -> str:
        if result == grammar.COMMON:
            return self._common(node, kinds)
        return kinds[0] if result == grammar.SAME else result

    def _adjusted(self, call: exp.Expr) -> exp.Expr:
        """Refuse arguments that would stop a run, and mend what PostgreSQL cannot compute."""
        if isinstance(call, exp.Concat):
            # Texts that stand side by side parse to the same node with another setting.
            call.set("safe", True)
        if isinstance(call, exp.SplitPart) and constant(call.args["part_index"]) in ("", "0"):
            self.fail(call, "the third argument of split_part is a number from 1", "write split_part(code, '-', 1)")
        if isinstance(call, exp.Substring) and isinstance(call.args.get("length"), exp.Neg):
            self.fail(call, "the length of a substring is negative", "write a number from 0")
        if isinstance(call, exp.Round) and call.args.get("decimals") is not None:
            # PostgreSQL rounds a double precision to a number of places only as numeric.
            call.set("this", arithmetic.as_numeric(call.this))
        return call

    def _format(self, node: exp.Expr, pattern: exp.Expr) -> None:
        """Refuse a format that would not come out as it went in: the parser translates it for other engines."""
        printed = type(node)(this=exp.Null(), format=pattern.copy()).sql("postgres").split(",", 1)[1].strip(" )")
        if printed not in self.text:
            self.fail(node, "this time format is not known", "write it like 'YYYY-MM-DD HH24:MI:SS'")
        if time_format(constant(pattern)) is None:
            self.fail(
                node,
                "this time format is not known",
                "it needs a year; of YYYY YY MM DD Mon HH24 HH12 MI SS MS AM, other letters in double quotes",
            )


def place(text: str, offset: int) -> tuple[int, int]:
    """Return line and column, counted from 1, of an offset."""
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1


def _readable(text: str, kind: str) -> bool:
    """Whether PostgreSQL reads a quoted text as a type; a value it cannot read would stop every run."""
    if kind in types.TIMES:
        return types.is_moment(text)
    if kind == BOOLEAN:
        return text.strip().lower() in _TRUTHS
    if kind == NUMERIC:
        try:
            return Decimal(text.strip()).is_finite()
        except InvalidOperation:
            return False
    return True


def _near_column(written: str, columns: Mapping[str, str | None]) -> str:
    folded = {name.lower(): name for name in columns}
    if written.lower() in folded:
        return f'write "{folded[written.lower()]}" with its double quotes'
    return did_you_mean(written, list(columns)) if columns else "no columns are declared here"


def _spoken(kind: str) -> str:
    words = {LITERAL: "a quoted text", INTEGER: "a number", NUMERIC: "a number", NULL: "null"}
    return words.get(kind) or ("a value of unknown type" if kind == UNKNOWN else f"a {kind}")
