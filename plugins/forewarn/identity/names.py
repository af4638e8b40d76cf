"""Names of companies and people in one spelling: without legal form, accents, width, case and script.

Legal forms come from cleanco, Chinese readings from pypinyin. What they lack stands here: forms written out or in
Chinese and Japanese, forms with spaces between their letters, and words of trade that Chinese names carry in Chinese.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache

WRITTEN_OUT = {
    "gesellschaft mit beschrankter haftung": "gmbh",
    "aktiengesellschaft": "ag",
    "kommanditgesellschaft": "kg",
    "offene handelsgesellschaft": "ohg",
    "unternehmergesellschaft": "ug",
    "haftungsbeschrankt": "ug",
    "besloten vennootschap": "bv",
    "naamloze vennootschap": "nv",
    "societe a responsabilite limitee": "sarl",
    "societe anonyme": "sa",
    "public limited company": "plc",
    "limited liability company": "llc",
    "private limited": "ltd",
    "eingetragene genossenschaft": "eg",
    "kabushiki kaisha": "kk",
    "co ltd": "ltd",
    "ohg": "ohg",
    "ug": "ug",
    "se": "se",
    "kk": "kk",
    "eg": "eg",
    "gbr": "gbr",
}
EAST_ASIAN = (
    # The longer before the shorter, which it ends with.
    ("股份有限公司", "joint stock"),
    ("有限责任公司", "limited"),
    ("有限責任公司", "limited"),
    ("有限公司", "limited"),
    ("株式会社", "joint stock"),
    ("有限会社", "limited"),
    ("合同会社", "limited"),
    ("(株)", "joint stock"),
    ("(有)", "limited"),
    ("公司", ""),
)
KINDS = {
    "limited": "gmbh ltd limited ug bv bvba sarl srl llc pllc sl lda ltda doo sro kft oy ab aps as sprl spzoo eurl",
    "joint stock": "ag sa nv plc inc corp corporation incorporated se spa oyj asa kk sas sasu",
    "partnership": "kg ohg og gbr kgaa lp llp gmbhcokg gmbhco agcokg snc vof cv scs",
    "cooperative": "eg",
}
"""Which legal forms are the same elsewhere: what one register calls Ltd another calls GmbH."""
TRADES = {
    "供应链": "supply chain",
    "贸易": "trading",
    "科技": "technology",
    "技术": "technology",
    "电子": "electronics",
    "供应": "supply",
    "实业": "industrial",
    "工业": "industry",
    "国际": "international",
    "食品": "food",
    "物流": "logistics",
    "机械": "machinery",
    "医疗": "medical",
    "建筑": "construction",
    "酒店": "hotel",
    "制造": "manufacturing",
}
JOINING = frozenset(["and", "und", "et"])
"""One writes them out, another as "&"."""
_KIND = {form: kind for kind, forms in KINDS.items() for form in forms.split()}
_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]+")
_WORD = re.compile(r"[^\W_]+")
_DOT_BETWEEN_WORDS = re.compile(r"(?<=\w\w)\.(?=\w\w)")
_DIGRAPHS = re.compile(r"(?<=[aou])e")


@dataclass(frozen=True)
class Name:
    """A name in one spelling.

    Attributes
    ----------
    key : str
        All its words written together, without the legal form; empty when there is nothing to compare.
    words : str
        The same words with spaces between them.
    form : str
        `limited`, `joint stock`, `partnership`, `cooperative`, or empty where the name does not say.
    """

    key: str
    words: str
    form: str


def plain(text: str | None) -> str:
    """Return words in lower case with spaces between them: no width, accents, punctuation, and Chinese as pinyin."""
    if not text:
        return ""
    return " ".join(_words(unicodedata.normalize("NFKC", text)))


def name(text: str | None) -> Name:
    """Return a name in one spelling."""
    whole = unicodedata.normalize("NFKC", text or "")
    form = ""
    for ending, kind in EAST_ASIAN:
        if ending in whole and whole.replace(ending, "").strip():
            whole, form = whole.replace(ending, " "), form or kind
    for chinese, english in TRADES.items():
        whole = whole.replace(chinese, f" {english} ")
    words, western = _without_form(_words(whole))
    # An umlaut is written with e or without; dropping the e of "ue" from both does no harm elsewhere.
    words = [_DIGRAPHS.sub("", word) for word in words if word not in JOINING or len(words) < 3]
    return Name("".join(words), " ".join(words), form or western)


def _words(text: str) -> list[str]:
    from cleanco.clean import remove_accents

    text = _HAN.sub(lambda found: f" {_pinyin(found.group())} ", text)
    # A dot within "Co.Ltd" parts words, one within "S.A." does not; "S. A." and "S.A." and "SA" are the same letters.
    text = _DOT_BETWEEN_WORDS.sub(" ", remove_accents(text)).replace(".", "").replace("'", "").replace("’", "")
    words: list[str] = []
    single = False
    for word in _WORD.findall(text):
        if len(word) == 1 and word.isalpha() and single:
            words[-1] += word
        else:
            words.append(word)
            single = len(word) == 1 and word.isalpha()
    return words


def _pinyin(han: str) -> str:
    from pypinyin import lazy_pinyin

    return "".join(lazy_pinyin(han)).replace("ü", "u")


def _without_form(words: list[str]) -> tuple[list[str], str]:
    """Return the words before the legal form, and its kind; a name that is nothing but a form keeps it."""
    terms, longest = _forms()
    found: list[str] = []
    shortened = True
    while shortened and len(words) > 1:
        shortened = False
        for size in range(min(longest, len(words) - 1), 0, -1):
            end = " ".join(words[-size:])
            if end in terms:
                words, shortened = words[:-size], True
                found.insert(0, terms[end])
                break
    # "GmbH & Co. KG" is one form; "Acme Co., Ltd." is a limited company.
    for form in ("".join(found), *found):
        if form in _KIND:
            return words, _KIND[form]
    return words, ""


@cache
def _forms() -> tuple[dict[str, str], int]:
    """Return every legal form as words in lower case, with its short spelling, and the most words one has."""
    from cleanco.clean import prepare_default_terms

    known = [_WORD.findall(" ".join(parts)) for _, parts in prepare_default_terms()]
    terms = {" ".join(words): "".join(words) for words in known if words} | WRITTEN_OUT
    return terms, max(len(term.split()) for term in terms)
