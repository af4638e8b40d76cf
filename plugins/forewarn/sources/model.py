"""What a file in `config/sources` may say."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema
from pydantic.json_schema import SkipJsonSchema

from forewarn.config.entities import entities
from forewarn.sources.value_maps import ValueMap

_DURATION = re.compile(r"(\d{1,6})\s*(second|minute|hour|day|week)s?")
ColumnType = Literal[
    "text", "numeric", "bigint", "double precision", "boolean", "date", "timestamptz", "timestamp", "uuid", "jsonb"
]


def _duration(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError("expected a duration such as `2 hours`, `30 minutes` or `3 days`")
    return timedelta(**{f"{match[2]}s": int(match[1])})


def _overlap(value: Any) -> Any:
    return value if isinstance(value, int) and not isinstance(value, bool) else _duration(value)


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


_LISTED_SCHEMA = WithJsonSchema(
    {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
)
_DURATION_SCHEMA = {"type": "string", "pattern": rf"^\s*{_DURATION.pattern}\s*$", "examples": ["2 hours", "3 days"]}
Duration = Annotated[timedelta, BeforeValidator(_duration), PlainSerializer(str), WithJsonSchema(_DURATION_SCHEMA)]
Overlap = Annotated[
    timedelta | int, BeforeValidator(_overlap), WithJsonSchema({"anyOf": [_DURATION_SCHEMA, {"type": "integer"}]})
]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Freshness(_Strict):
    """What a stream promises; beyond it the stream is late, and what rests on it unknown (decision 0015).

    Attributes
    ----------
    warn_after, error_after : duration or None
        How long ago the stream may have arrived last; beyond `error_after` `forewarn doctor` fails.
    newest_within : duration or None
        How old the newest value of `cursor` may be, by the source's own clock: a feed that answers every night and has
        nothing new for longer is frozen.
    """

    warn_after: Duration | None = None
    error_after: Duration | None = None
    newest_within: Duration | None = None


class Deletes(_Strict):
    """How records that were deleted in the source show, in a stream that is merged.

    Attributes
    ----------
    marked_by : str or None
        Condition in the expression language, such as `is_deleted`: the row is kept as the mark, and no entity sees it.
    compare_keys_every : duration or None
        The source's keys are read and compared at most that often; records whose key it no longer has are gone.
    retracts : bool
        What is gone was never so, and is removed. By default that holds for records of a state, such as a ticket; of
        what customers did, such as an order, it is only known that the source keeps it no longer: it counts on.
    """

    marked_by: str | None = None
    compare_keys_every: Duration | None = None
    retracts: bool = False


class Lookup(_Strict):
    """A column that another stream of the source has, by the number that this one has (decision 0052).

    Attributes
    ----------
    stream : str
        The other stream. It has a key, so that a number stands on one row.
    by : str or list of str
        Expression of the number, or one for each column of the other stream's key, in the key's order. It may read what
        was looked up before it.
    take : str
        Expression over the other stream's columns.
    """

    stream: str
    by: Annotated[list[str], BeforeValidator(_listed), _LISTED_SCHEMA]
    take: str


class Lent(_Strict):
    """What another stream looks up in this one: `take` of the lookup, and whether a person's words come of it."""

    stream: str
    take: str
    personal: bool


class Mapping(_Strict):
    """How a stream's rows become rows of one canonical entity.

    Attributes
    ----------
    where : str or None
        Rows that count, in the expression language.
    distinct : bool
        The stream's grain is finer than the entity's: the first row per entity key is taken.
    partial : bool
        The stream only adds columns to records that another stream of the source tells: the entity's key is enough.
    belongs_to : dict
        One entity → expression of the number of that record: `{order: order_id}` makes its customer this row's where
        `account_id` is not mapped or empty, and its moment this row's where no column tells when.
    account_source : str or None
        The source in whose numbering `account_id`, or the number in `belongs_to`, is given; by default the source
        itself.
    columns : dict
        Entity column → expression over the stream's columns, or a value map (`from`, `map`, `otherwise`).
    """

    where: str | None = None
    distinct: bool = False
    partial: bool = False
    belongs_to: dict[str, str] = Field(default={}, max_length=1)
    account_source: str | None = None
    columns: dict[str, ValueMap]


class Stream(_Strict):
    """What the streams of every kind of source have in common.

    Attributes
    ----------
    key : list of str
        Columns that are unique in the stream; without them identical rows count once.
    cursor : str or None
        Column that grows with every change; only rows at or after the watermark minus `overlap` are asked for.
    mode : str
        `merge` takes the newest version per key, `append` never changes a row that has landed, `snapshot` is the
        whole stream each time: rows that it no longer has are removed.
    columns : dict
        PostgreSQL types of columns whose source has none (CSV, JSON); otherwise the mapping decides, then text.
    allow_empty : bool
        A stream that has never had a row is no error.
    lookup : dict
        Name → a column of another stream of the source, which `entities` then read by that name.
    quarantine : dict
        Reason → condition in the expression language: rows for which it holds are set aside with that reason.
    min_share : float
        Share of the rows of last time below which a snapshot, a stream that is read whole, or a file that was
        written anew is refused, and what has landed is kept; 0 accepts anything but nothing.
    """

    description: str = ""
    key: list[str] = []
    cursor: str | None = None
    mode: Literal["merge", "append", "snapshot"] | None = None
    overlap: Overlap = timedelta(0)
    freshness: Freshness = Freshness()
    columns: dict[str, ColumnType] = {}
    personal: list[str] = []
    allow_empty: bool = False
    lookup: dict[str, Lookup] = {}
    quarantine: dict[str, str] = {}
    min_share: float = Field(default=0.5, ge=0, le=1)
    deletes: Deletes = Deletes()
    date_order: Literal["ymd", "dmy", "mdy"] = "ymd"
    entities: dict[str, Mapping] = {}
    lent: SkipJsonSchema[list[Lent]] = Field(default=[], exclude=True)

    @property
    def keeps_missing(self) -> bool:
        """Whether records that the source no longer has count on: those of what customers did, unless it `retracts`.

        Where a row is the customer's own record, it goes as customers do (decision 0037).
        """
        account = self.entities.get("account")
        if not self.key or self.deletes.retracts or (account is not None and not account.distinct):
            return False
        return any(entities()[name].happened for name in self.entities)

    @property
    def load_mode(self) -> str:
        """Return the mode, by default `merge` with a key and `append` without one."""
        return self.mode or ("merge" if self.key else "append")


class SqlStream(Stream):
    """A table or view of a database."""

    table: str


class Each(_Strict):
    """Rows that are a list's elements, and not the records that have the list: the lines of an order.

    Attributes
    ----------
    list : str
        Dotted path of the list in the record, such as `line_items`.
    of : str
        What the record is, such as `order`: its own values stand in each row as `order__id`.
    """

    list: str
    of: str = Field(pattern=r"^[a-z][a-z0-9_]*$")


class FileStream(Stream):
    """Files of one layout.

    Attributes
    ----------
    path : str
        A glob below the connection's folder, or `package://NAME/path` for a file inside an installed Python package;
        `${NAME:-default}` stands for an environment variable.
    format : str
        `csv`, with any delimiter, and gzip-compressed where it is; `json` is an object a line; of an `excel` workbook
        one sheet is read.
    sheet : str or None
        Sheet of an Excel workbook, by default its first.
    header_row : int or None
        Row of a CSV file or a sheet in which the names of the columns stand, counted from 1, where a title stands above
        them; by default the first that is not empty.
    records : str
        Dotted path of the list in a JSON document; empty for a list, or an object a line.
    each : Each or None
        Of JSON, a list within each record whose elements are the rows.
    encoding : str or None
        By default UTF-8, and GB18030 where a file is not UTF-8 and reads as Chinese.
    final_newline : str
        `required`: a CSV file that does not end with a line break was cut.
    marker : str or None
        Suffix of a companion file (`.done`) without which a file is still being written.
    repeats : str or None
        A column that the stream gets: the first of rows of a file that agree in every column has 1 in it, the next 2.
        Without it they count once.
    """

    path: str
    format: Literal["csv", "parquet", "json", "excel"]
    sheet: str | None = None
    records: str = ""
    each: Each | None = None
    header_row: int | None = Field(default=None, ge=1, le=100)
    encoding: str | None = None
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    quote: str = Field(default='"', min_length=1, max_length=1)
    final_newline: Literal["optional", "required"] = "optional"
    marker: str | None = None
    repeats: str | None = Field(default=None, pattern=r"^[a-z][a-z0-9_]{0,39}$")


class Paginator(_Strict):
    """How a REST server hands out its pages.

    Attributes
    ----------
    kind : str
        `none`; `page_number` and `offset` go on until a page is empty (a short page may be the server's own limit);
        `token` sends the value found at `field` as `param`; `last_record` sends that of the page's last record, until a
        page is empty; `next_link` follows the address at `field`; `link_header` follows `rel="next"`.
    """

    kind: Literal["none", "page_number", "offset", "token", "last_record", "next_link", "link_header"] = "none"
    field: str | None = None
    param: str | None = None
    size_param: str | None = None
    size: int | None = Field(default=None, ge=1)
    start: int | None = Field(default=None, ge=0)


class Endpoint(_Strict):
    """One endpoint of a REST server; `records` is the dotted path of the list in the answer, empty for the top."""

    path: str
    params: dict[str, str | int | float | bool] = {}
    headers: dict[str, str] = {}
    records: str = ""
    each: Each | None = None
    paginator: Paginator = Paginator()
    since: str | None = Field(default=None, description="Query parameter that takes the lower bound of the cursor.")
    deadline: Duration = timedelta(minutes=10)
    longest_wait: Duration = timedelta(minutes=2)


class RestStream(Stream):
    """A list that a REST server answers with."""

    endpoint: Endpoint


class Source(_Strict):
    """One source: where it is and what it has.

    Attributes
    ----------
    name : str
        Stem of the file.
    time_zone : str
        In which the source means dates and times that carry no zone.
    """

    name: str = Field(default="", exclude=True)
    file: Path = Field(default=Path(), exclude=True)
    kind: Literal["sql", "rest", "files"]
    connection: str | None = None
    description: str = ""
    time_zone: str = "UTC"
    streams: dict[str, Stream]

    @property
    def schema_name(self) -> str:
        """Return the schema of the source's raw tables."""
        return f"raw_{self.name}"


class SqlSource(Source):
    """A database."""

    kind: Literal["sql"]
    connection: str
    streams: dict[str, SqlStream]  # type: ignore[assignment]


class Auth(_Strict):
    """Where the secret of the connection's URL goes; exactly one of `header` and `query`, or neither for the usual."""

    header: str | None = None
    query: str | None = None


class RestSource(Source):
    """A REST server. The connection's URL holds the credential: `https://user:password@…` or `https://token@…`."""

    kind: Literal["rest"]
    connection: str
    auth: Auth = Auth()
    streams: dict[str, RestStream]  # type: ignore[assignment]


class FilesSource(Source):
    """A folder of files, or files inside an installed package."""

    kind: Literal["files"]
    streams: dict[str, FileStream]  # type: ignore[assignment]


KINDS: dict[str, type[Source]] = {"sql": SqlSource, "rest": RestSource, "files": FilesSource}
