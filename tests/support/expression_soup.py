"""Texts made of the language's own words: mostly well formed, some not."""

from hypothesis import strategies as st

COLUMNS = {
    "a": "numeric",
    "b": "integer",
    "g": "double precision",
    "t": "text",
    "f": "boolean",
    "ts": "timestamptz",
    "d": "date",
    "Big Name": "text",
}
# fmt: off
LEAVES = [
    "a", "b", "g", "t", "f", "ts", "d", '"Big Name"', "1", "0", "2.5", "'x'", "'2026-01-31'", "true", "null",
    "interval '3 days'",
]
PIECES = [
    *LEAVES, "(", ")", ",", "+", "-", "*", "/", "%", "||", "=", "<>", "<", "and", "or", "not", "is", "in",
    "between", "like", "case", "when", "then", "else", "end", "cast(", "as numeric)", "::text", "select",
    "from", ";", "--", "/*", "$1", "lower(", "sum(", "over ()", "at time zone 'UTC'", "is distinct from",
    "date_trunc('month',", "''", '"', "'", "\\",
]
_TEMPLATES = [
    "{} + {}", "{} - {}", "{} * {}", "{} / {}", "{} % {}", "{} || {}", "{} = {}", "{} <> {}", "{} < {}",
    "{} >= {}", "{} and {}", "{} or {}", "not {}", "- {}", "({})", "{} is null", "{} is not null", "{} is true",
    "{} is not false", "{} in ({}, {})", "{} not in ({})", "{} between {} and {}", "{} like {}", "{} ilike {}",
    "{} is distinct from {}", "coalesce({}, {})", "nullif({}, {})", "greatest({}, {})", "least({}, {}, {})",
    "lower({})", "upper({})", "trim({})", "ltrim({}, {})", "length({})", "abs({})", "floor({})", "ceil({})",
    "round({})", "round({}, {})", "replace({}, {}, {})", "substring({}, {}, {})", "split_part({}, {}, 1)",
    "left({}, {})", "right({}, 2)", "strpos({}, {})", "concat({}, {})", "{}::text", "cast({} as numeric)",
    "{}::date", "{}::timestamptz", "{}::timestamp", "{}::boolean", "case when {} then {} else {} end",
    "case {} when {} then {} end", "date_trunc('month', {})", "extract(day from {})", "extract(epoch from {})",
    "{} at time zone 'UTC'", "to_timestamp({}, 'YYYY-MM-DD')", "to_date({}, 'YYYYMMDD')", "to_timestamp({})",
    "number({})", "number({}, ',')", "truth({})", "excel_date({})", "hash_of({}, {})", "lpad({}, 5, '0')",
    "to_timestamp({}, 'DD-Mon-YY HH12:MI AM')", "interval '1 month' * {}", "cast({} as date)",
]
# fmt: on


@st.composite
def _grown(draw: st.DrawFn, depth: int = 3) -> str:
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        return draw(st.sampled_from(LEAVES))
    template = draw(st.sampled_from(_TEMPLATES))
    return template.format(*(draw(_grown(depth - 1)) for _ in range(template.count("{}"))))


def soups() -> st.SearchStrategy[str]:
    """Return texts grown from templates, and words in any order."""
    words = st.lists(st.sampled_from(PIECES), min_size=1, max_size=14).map(" ".join)
    return st.one_of(_grown(1), _grown(2), _grown(), words)
