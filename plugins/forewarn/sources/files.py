"""Which files of a stream are new, and reading them; a file is known by its path and content."""

from __future__ import annotations

import hashlib
import importlib.resources
import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from forewarn.config.settings import Settings
from forewarn.errors import SourceRejected, SourceUnavailable
from forewarn.sources.connections import Resolve
from forewarn.sources.model import FileStream, Source
from forewarn.sources.reader import Extraction, Part, PartRejected
from forewarn.sources.repeats import counted

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_GLOB = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class File:
    """One file: the name that it is remembered by, and where it is."""

    name: str
    path: Path


Inspect = Callable[[Source, FileStream, str, File, str], tuple[dict[str, str], Part]]


def inspector(stream: FileStream) -> Inspect:
    """Return what looks at one file of a stream's format: its columns with types, and the part that reads its rows."""
    from forewarn.sources import csv_files, excel_files, json_files, parquet_files

    inspect = {
        "csv": csv_files.inspect,
        "parquet": parquet_files.inspect,
        "json": json_files.inspect,
        "excel": excel_files.inspect,
    }[stream.format]
    if (name := stream.repeats) is None:
        return inspect

    def look(source: Source, stream: FileStream, subject: str, file: File, sha256: str) -> tuple[dict[str, str], Part]:
        return counted(*inspect(source, stream, subject, file, sha256), name, subject)

    return look


@contextmanager
def open_files(
    settings: Settings, source: Source, stream: FileStream, name: str, *, known: set[tuple[str, str]], resolve: Resolve
) -> Iterator[Extraction]:
    """Open the files of a stream that are new or have changed; `known` are (name, sha256) of those read before.

    A snapshot is all of its files, as soon as one of them is new.
    """
    subject = f"{source.name}.{name}"
    read = inspector(stream)
    with ExitStack() as stack:
        found = find(settings, source, stream, subject, stack=stack, resolve=resolve)
        digests = {file: digest(file.path) for file in found}
        fresh = [file for file in found if (file.name, digests[file]) not in known]
        if stream.load_mode == "snapshot" and fresh:
            fresh = found
        if not fresh:
            if not found and not known and not stream.allow_empty:
                raise no_files(settings, source, stream, subject, resolve)
            yield Extraction({}, [], whole=False, nothing_new=True)
            return
        columns: dict[str, str] = {}
        parts: list[Part] = []
        rejected: list[tuple[Part, str]] = []
        for file in fresh:
            size = file.path.stat().st_size
            try:
                types, part = read(source, stream, subject, file, digests[file])
            except PartRejected as reason:
                rejected.append((Part(file.name, [], size_bytes=size, sha256=digests[file]), str(reason)))
                continue
            for column, kind in types.items():
                # Files of one stream may differ in their types: text holds both.
                columns[column] = kind if columns.get(column, kind) == kind else "text"
            parts.append(part)
        yield Extraction(columns, parts, whole=True, rejected=rejected)


def find(
    settings: Settings, source: Source, stream: FileStream, subject: str, *, stack: ExitStack, resolve: Resolve
) -> list[File]:
    """Return the files that a stream's path means, in the order of their names.

    Raises
    ------
    SourceRejected
        The path leaves the connection's folder, or its package is not installed.
    SourceUnavailable
        The connection's folder is not there: a drive that is not mounted must not look like one without news.
    """
    path = expand(stream.path)
    if path.startswith("package://"):
        return [_packaged(path, subject, stack)]
    base = _folder(settings, source, resolve)
    if source.connection and not base.is_dir():
        raise SourceUnavailable(
            subject,
            expected=f"a folder {base}, which connection {source.connection} names",
            got="none",
            next_step="mount it, or correct the connection; what has landed is kept",
        )
    if not Path(path).is_absolute() and ".." in Path(path).parts and source.connection:
        raise _outside(subject, path, base)
    start, pattern = _split(Path(path) if Path(path).is_absolute() else base / path)
    paths = sorted(start.glob(pattern)) if pattern else [start]
    files = [candidate for candidate in paths if candidate.is_file()]
    limit = base.resolve() if source.connection and not Path(path).is_absolute() else start.resolve()
    for file in files:
        if not file.resolve().is_relative_to(limit):
            raise _outside(subject, str(file), limit)
    if stream.marker:
        files = [file for file in files if file.with_name(file.name + stream.marker).exists()]
    return [
        File(file.relative_to(base).as_posix() if file.is_relative_to(base) else file.as_posix(), file)
        for file in files
    ]


def expand(path: str) -> str:
    """Return a path with each `${NAME:-default}` replaced by the environment's value or the default."""

    def value(match: re.Match[str]) -> str:
        found = os.environ.get(match[1]) or match[2]
        if found is None:
            raise SourceRejected(
                f"path {path}", expected=f"${match[1]} in the environment", got="nothing", next_step=f"set {match[1]}"
            )
        return found

    return _VARIABLE.sub(value, path)


def digest(path: Path) -> str:
    """Return the sha256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _folder(settings: Settings, source: Source, resolve: Resolve) -> Path:
    if source.connection is None:
        return settings.project
    url = resolve(source.connection, settings)
    return Path(unquote(urlsplit(url).path) if url.startswith("file:") else url)


def _split(path: Path) -> tuple[Path, str]:
    """Divide a path into the folder before its first wildcard and the rest; the rest is empty without a wildcard."""
    for index, part in enumerate(path.parts):
        if _GLOB.search(part):
            return Path(*path.parts[:index]), str(Path(*path.parts[index:]))
    return path, ""


def _packaged(path: str, subject: str, stack: ExitStack) -> File:
    package, _, inner = path.removeprefix("package://").partition("/")
    try:
        resource = importlib.resources.files(package).joinpath(inner)
    except ModuleNotFoundError:
        raise SourceRejected(
            subject, expected=f"the Python package {package}", got="not installed", next_step=f"install {package}"
        ) from None
    if ".." in Path(inner).parts or not resource.is_file():
        raise SourceRejected(
            subject, expected=f"a file {inner} in package {package}", got="no such file", next_step="correct `path`"
        )
    return File(path, stack.enter_context(importlib.resources.as_file(resource)))


def _outside(subject: str, path: str, folder: Path) -> SourceRejected:
    return SourceRejected(
        subject,
        expected=f"files inside {folder}",
        got=f"{path}, which leads outside",
        next_step="remove the link or the `..`; nothing was read",
    )


def no_files(settings: Settings, source: Source, stream: FileStream, subject: str, resolve: Resolve) -> SourceRejected:
    """Return the error of a stream that has no file where there must be one."""
    return SourceRejected(
        subject,
        expected=f"files at {expand(stream.path)} in {_folder(settings, source, resolve)}",
        got="none",
        next_step="correct `path` or the connection, or set `allow_empty: true` if files may come later",
    )
