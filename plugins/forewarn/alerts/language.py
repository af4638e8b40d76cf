"""Words and formats of one reader: English or simplified Chinese, with Babel's numbers, money and dates."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton
from babel.numbers import format_currency, format_decimal, format_percent
from ruamel.yaml import YAML

FOLDER = Path(__file__).parent / "languages"
ORIGINAL = "en"
CATALOGS = {"en": "en", "zh": "zh_CN"}

Translated = Mapping[str, Any]


class Language:
    """Texts of one catalog and the formats of one locale.

    Parameters
    ----------
    locale : str or None
        For example `en`, `en_GB`, `zh-CN`. A language without a catalog, or something that is no locale at all, is
        answered in English with English formats, so that a sentence never mixes two languages.
    more : Path or None
        A folder of further catalogs, whose texts stand beside those of messages.
    """

    def __init__(self, locale: str | None, more: Path | None = None) -> None:
        self.locale = _locale((locale or ORIGINAL).replace("-", "_"))
        self.catalog = CATALOGS[self.locale.language]
        self._texts = _texts(FOLDER, self.catalog) | (_texts(more, self.catalog) if more else {})

    @property
    def tag(self) -> str:
        """The language tag for HTML and mail headers, for example `zh-CN`."""
        return self.catalog.replace("_", "-")

    def text(self, *path: str, **values: object) -> str:
        """Return the text under a path of names, its braces filled.

        Raises
        ------
        KeyError
            The catalog has no such text.
        """
        node = self._texts
        for name in path:
            node = node[name]
        return str(node).format(**values)

    def knows(self, *path: str) -> bool:
        """Tell whether the catalog has a text under a path of names."""
        node: Any = self._texts
        for name in path:
            if not isinstance(node, dict) or name not in node:
                return False
            node = node[name]
        return True

    def choose(self, texts: Translated) -> Any:
        """Return this language's entry of a mapping catalog → entry, or the English one."""
        return texts.get(self.catalog, texts.get(ORIGINAL))

    def number(self, value: float) -> str:
        """Return a number with at most one decimal place."""
        return _decimal(round(value, 1), self.locale)

    def money(self, value: float, currency: str) -> str:
        """Return an amount in whole units of its currency."""
        # CLDR's currency pattern has the symbol's place and spacing; only its decimals are left out.
        pattern = self.locale.currency_formats["standard"].pattern.replace("0.00", "0")
        return str(format_currency(round(value), currency, format=pattern, locale=self.locale, currency_digits=False))

    def percent(self, share: float, digits: int = 0) -> str:
        """Return a share as percent, whole unless told otherwise; zeros at the end are left out."""
        pattern = f"0.{'#' * digits}%" if digits else None
        return str(format_percent(round(share, 2 + digits), format=pattern, locale=self.locale))

    def days(self, count: float) -> str:
        """Return whole days: `1 day`, `41 days`, `41天`."""
        return self._counted("days", count)

    def weeks(self, count: float) -> str:
        """Return whole weeks."""
        return self._counted("weeks", count)

    def months(self, count: float) -> str:
        """Return whole months."""
        return self._counted("months", count)

    def date(self, day: datetime.date) -> str:
        """Return a day with its year."""
        return format_date(day, "medium", locale=self.locale)

    def near_date(self, day: datetime.date, today: datetime.date) -> str:
        """Return a day, with its year only where it is another than today's."""
        return self.date(day) if day.year != today.year else str(format_skeleton("MMMd", day, locale=self.locale))

    def month(self, day: datetime.date) -> str:
        """Return the month of a day, with its year."""
        return str(format_skeleton("yMMMM", day, locale=self.locale))

    def day_of_week(self, day: datetime.date) -> str:
        """Return a near day by weekday, day and month."""
        return format_date(day, "EEEE, MMM d" if self.catalog == "en" else "M月d日EEEE", locale=self.locale)

    def _counted(self, unit: str, count: float) -> str:
        whole = round(count)
        return self.text("count", unit, self.locale.plural_form(whole), n=self.number(whole))


@lru_cache(maxsize=256)
def _locale(name: str) -> Locale:
    """Babel compares a name with all of its some thousand locales, each time it is asked."""
    try:
        found = Locale.parse(name)
    except (UnknownLocaleError, ValueError, TypeError):
        return Locale.parse(ORIGINAL)
    return found if found.language in CATALOGS else Locale.parse(ORIGINAL)


@lru_cache(maxsize=1 << 14)
def _decimal(value: float, locale: Locale) -> str:
    return str(format_decimal(value, locale=locale))


@lru_cache(maxsize=8)
def _texts(folder: Path, catalog: str) -> dict[str, Any]:
    return dict(YAML(typ="safe", pure=True).load((folder / f"{catalog}.yml").read_text(encoding="utf-8")))
