"""Words in what this installation writes beside its warehouse: logs, messages in folders, reports, pages of gates."""

from __future__ import annotations

import email
import email.policy
import html
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from forewarn.alerts.actions import Report, load_actions
from forewarn.alerts.whole_file import write_whole
from forewarn.config.project import Project
from forewarn.privacy.subjects import stands_alone
from forewarn.sources.erased import GONE

# What we write below an installation's home; the other folders there are sources, or PostgreSQL's own.
OUTBOX = "outbox"
FOLDERS = ("airflow", "data-docs", "dbt", "logs", "mlflow-artifacts", OUTBOX, "reports")
_MESSAGE = ".eml"
# As alerts.case_actions names them.
_REPORT = re.compile(r"cases?-[\d-]+\.(html|csv)").fullmatch


def report_folders(home: Path, project: Project) -> list[Path]:
    """Return the folders that actions of actions.yml write reports into, but for those that are looked through anyway.

    Raises
    ------
    ConfigError
        As `load_actions`.
    """
    ours = [(home / folder).resolve() for folder in FOLDERS]
    folders = {(home / one.folder).resolve() for one in load_actions(project).values() if isinstance(one, Report)}
    return sorted(folder for folder in folders if not any(folder.is_relative_to(one) for one in ours))


def written(home: Path, reports: Sequence[Path] = ()) -> Iterator[tuple[str, Path]]:
    """Yield folder and path of each file that this installation wrote.

    A folder of `reports` may be shared with others: of it only what bears the name of a report is ours.
    """
    for folder in FOLDERS:
        yield from ((folder, file) for file in sorted((home / folder).rglob("*")) if _is_own(file))
    for place in reports:
        yield from ((str(place), file) for file in sorted(place.glob("case*")) if _is_own(file) and _REPORT(file.name))


def _is_own(file: Path) -> bool:
    return file.is_file() and not file.is_symlink()


def replace_in_files(home: Path, words: Sequence[str], reports: Sequence[Path] = ()) -> dict[str, int]:
    """Put `(erased)` in the place of each word; returns how many files of which folder had some.

    A message in the file outbox goes as a whole: it was sent, and its copy is no record.
    """
    found = list(files_with(home, words, reports))
    for _, file in found:
        if file.suffix in (_MESSAGE, ".pdf"):
            file.unlink()
        else:
            write_whole(file, _replaced(file.read_bytes(), words))
    return dict(Counter(folder for folder, _ in found))


def count_in_files(home: Path, words: Sequence[str], reports: Sequence[Path] = ()) -> dict[str, int]:
    """Return how many files of which folder hold one of some words."""
    return dict(Counter(folder for folder, _ in files_with(home, words, reports)))


def files_with(home: Path, words: Sequence[str], reports: Sequence[Path] = ()) -> Iterator[tuple[str, Path]]:
    """Yield folder and path of each file that holds one of some words."""
    if not words:
        return
    pattern = _pattern(words)
    yield from ((folder, file) for folder, file in written(home, reports) if pattern.search(_text(file)))


def _text(file: Path) -> str:
    """Return what a file says: of a message its headers and texts as a reader sees them."""
    content = file.read_bytes()
    if file.suffix != _MESSAGE:
        return content.decode(errors="surrogateescape")
    message = email.message_from_bytes(content, policy=email.policy.default)
    texts = [part.get_content() for part in message.walk() if part.get_content_maintype() == "text"]
    return "\n".join([*(str(value) for value in message.values()), *texts])


def _replaced(content: bytes, words: Sequence[str]) -> bytes:
    text = _pattern(words).sub(GONE, content.decode(errors="surrogateescape"))
    return text.encode(errors="surrogateescape")


def _pattern(words: Sequence[str]) -> re.Pattern[str]:
    """Return the words as plain text and as HTML and JSON write them."""
    spellings = {spelling for word in words for spelling in (word, html.escape(word), html.escape(word, quote=False))}
    return re.compile("|".join(map(_alone, sorted(spellings, key=len, reverse=True))), re.IGNORECASE)


def _alone(word: str) -> str:
    begins = r"(?<!\w)" if stands_alone(word[0]) else ""
    return begins + re.escape(word) + (r"(?!\w)" if stands_alone(word[-1]) else "")
