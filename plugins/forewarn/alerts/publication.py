"""Whether a run may alert at all: only the newest live publication may."""

from datetime import date

from psycopg2 import extensions


def refusal(cursor: extensions.cursor, *, as_of_date: date, run_id: str) -> str | None:
    """Return why a run may not open cases for a date, or None when it may.

    The row is locked until the caller's transaction ends, so that what is judged here still holds when cases commit.
    """
    cursor.execute(
        "select live from ops.publication where as_of_date = %s and run_id = %s for share", [as_of_date, run_id]
    )
    row = cursor.fetchone()
    if row is None:
        return f"nothing was published for {as_of_date} by run {run_id}"
    if not row[0]:
        return f"the publication of {as_of_date} by run {run_id} is not live"
    cursor.execute("select max(as_of_date) from ops.publication where live and as_of_date > %s", [as_of_date])
    later = (cursor.fetchone() or [None])[0]
    return f"{as_of_date} is history: {later} is published and live" if later is not None else None
