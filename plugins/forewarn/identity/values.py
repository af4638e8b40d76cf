"""E-mail addresses, domains, telephone numbers, tax numbers and places in one spelling; None where nothing is left."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from forewarn.identity.names import plain

# fmt: off
ROLES = frozenset([
    "accounting", "admin", "billing", "buchhaltung", "contact", "einkauf", "finance", "hello", "help", "hr", "info",
    "invoice", "kontakt", "mail", "marketing", "no-reply", "noreply", "office", "order", "orders", "post",
    "postmaster", "purchase", "purchasing", "rechnung", "sales", "service", "support", "team", "verkauf", "vertrieb",
    "webmaster",
])
# fmt: on
"""Mailboxes of a function: they name the company's domain, and nobody in particular."""
SECOND_LEVEL = frozenset(["ac", "co", "com", "edu", "gov", "net", "or", "org"])
COUNTRIES = {"usa": "US", "uk": "GB", "england": "GB", "great britain": "GB", "holland": "NL", "prc": "CN"}
LANGUAGES = ("en", "de", "fr", "es", "it", "nl", "pt", "zh")
STREETS = {
    **dict.fromkeys(("strasse", "straße", "str"), "str"),
    **dict.fromkeys(("street", "st"), "st"),
    **dict.fromkeys(("road", "rd"), "rd"),
    **dict.fromkeys(("avenue", "ave", "av"), "av"),
    **dict.fromkeys(("boulevard", "blvd", "bd"), "bd"),
    **dict.fromkeys(("platz", "pl"), "pl"),
}
_NOT_ALNUM = re.compile(r"[^a-z0-9]+")
_MAILBOX = re.compile(r"([^@\s]+)@([^@\s]+\.[^@\s]+)")
_PREFIXED_TAX = re.compile(r"[a-z]{2}(?=[a-z0-9]*\d{5})")
SHORTEST_PHONE = 7
SHORTEST_TAX = 5


def domain(text: str | None) -> str | None:
    """Return a domain in lower case, without `www.`, in its international form."""
    cleaned = unicodedata.normalize("NFKC", text or "").strip().lower().rstrip(".").rpartition("@")[2]
    cleaned = cleaned.removeprefix("https://").removeprefix("http://").partition("/")[0].removeprefix("www.")
    if "." not in cleaned or " " in cleaned:
        return None
    try:
        return cleaned.encode("idna").decode("ascii")
    except UnicodeError:
        return cleaned


def domain_label(known: str | None) -> str | None:
    """Return the part of a domain that its owner chose: `acme` of `shop.acme.co.uk`."""
    parts = (known or "").split(".")[:-1]
    if len(parts) > 1 and parts[-1] in SECOND_LEVEL:
        parts.pop()
    return parts[-1] if parts and parts[-1] else None


def mailbox(text: str | None) -> str | None:
    """Return a person's address in lower case without `+tag`; None for that of a function, such as info@."""
    found = _MAILBOX.fullmatch(unicodedata.normalize("NFKC", text or "").strip().lower().removeprefix("mailto:"))
    where = domain(found[2]) if found else None
    local = found[1].partition("+")[0] if found else ""
    return f"{local}@{where}" if where and local and local not in ROLES else None


def phone(text: str | None, country: str | None) -> str | None:
    """Return a telephone number as +country and digits, without extension; the bare digits where it is no such number.

    Parameters
    ----------
    country : str, optional
        Two letters: where a number without country code belongs.
    """
    from phonenumbers import NumberParseException, PhoneNumberFormat, format_number, is_possible_number, parse

    cleaned = unicodedata.normalize("NFKC", text or "").strip()
    if not cleaned:
        return None
    if cleaned.startswith("00"):
        cleaned = "+" + cleaned[2:]
    try:
        number = parse(cleaned, country)
    except NumberParseException:
        number = None
    if number and is_possible_number(number):
        number.extension = None
        return str(format_number(number, PhoneNumberFormat.E164))
    digits = "".join(letter for letter in cleaned if letter.isdecimal()).lstrip("0")
    return digits if len(digits) >= SHORTEST_PHONE else None


def tax_id(text: str | None) -> str | None:
    """Return a tax number as letters and digits without the country before it; None for one that stands for "none"."""
    cleaned = _NOT_ALNUM.sub("", unicodedata.normalize("NFKC", text or "").lower())
    core = _PREFIXED_TAX.sub("", cleaned, count=1) if _PREFIXED_TAX.match(cleaned) else cleaned
    return core if len(core) >= SHORTEST_TAX and len(set(core)) > 1 else None


def country(text: str | None) -> str | None:
    """Return a country as two capital letters, from its code or its name in one of LANGUAGES; None for another."""
    cleaned = unicodedata.normalize("NFKC", text or "").strip().casefold()
    return _territories().get(cleaned) or COUNTRIES.get(cleaned.replace(".", ""))


def city(text: str | None) -> str | None:
    """Return a city as one word."""
    return plain(text).replace(" ", "") or None


def postcode(text: str | None) -> str | None:
    """Return a postcode as letters and digits, without a country before it."""
    cleaned = plain(text).replace(" ", "")
    return re.sub(r"^[a-z]{1,2}(?=\d{4,5}$)", "", cleaned) or None


def street(text: str | None) -> str | None:
    """Return street and number as one word; `Hauptstraße 5`, `Haupt-Str. 5` and `5 Hauptstr` are the same."""
    words = [STREETS.get(word, word) for word in plain(text).split()]
    joined = "".join(word for word in words if not word[0].isdigit())
    for long, short in STREETS.items():
        if joined.endswith(long) and len(joined) > len(long):
            joined = joined.removesuffix(long) + short
            break
    numbers = "".join(word for word in words if word[0].isdigit())
    return f"{joined}{numbers}" or None


@cache
def _territories() -> dict[str, str]:
    from babel import Locale

    known: dict[str, str] = {}
    for language in LANGUAGES:
        for code, name in Locale(language).territories.items():
            # Numbers name parts of the world.
            if len(str(code)) == 2:
                known |= {str(name).casefold(): str(code), str(code).casefold(): str(code)}
    return known
