"""What the ledgers say about the platform itself, as Prometheus reads it: counts and ages, and nobody's data.

Every figure is asked of the warehouse when it is read, so that it is true whichever process did the work and however
often it was started since. Labels are names of streams, gates, channels and rules of this installation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from psycopg2 import extensions


@dataclass(frozen=True)
class Figure:
    """One metric: a query whose last column is the value, and whose others are the labels."""

    name: str
    help: str
    labels: tuple[str, ...]
    query: str
    counts: bool = False


_AGE = "extract(epoch from %(now)s - {})"
FIGURES = (
    Figure(
        "forewarn_published_age_seconds",
        "Time since a day was published that may alert.",
        (),
        f"select {_AGE.format('max(published_at)')} from ops.publication where live having count(*) > 0",
    ),
    Figure(
        "forewarn_stream_landed_age_seconds",
        "Time since a stream last landed.",
        ("source", "stream"),
        f"select source, stream, {_AGE.format('max(finished_at)')} from ops.batch where status = 'landed'"
        " and not redrive group by source, stream",
    ),
    Figure(
        "forewarn_stream_rows",
        "Rows of a stream's newest batch that landed, by what became of them.",
        ("source", "stream", "outcome"),
        "select source, stream, outcome, rows from (select distinct on (source, stream) * from ops.batch where"
        " status = 'landed' and not redrive order by source, stream, batch_id desc) as newest cross join lateral"
        " (values ('loaded', rows_loaded), ('quarantined', rows_quarantined), ('deduplicated', rows_deduplicated))"
        " as part (outcome, rows)",
    ),
    Figure(
        "forewarn_batches_total",
        "Extractions of a stream, by how they ended.",
        ("source", "stream", "status"),
        "select source, stream, status, count(*) from ops.batch where status <> 'running' and not redrive"
        " group by 1, 2, 3",
        counts=True,
    ),
    Figure(
        "forewarn_gate_failures",
        "Expectations that failed in the newest run of a gate.",
        ("gate", "severity"),
        "select gate, severity, count(*) filter (where not passed) from ops.gate_result join (select distinct on (gate)"
        " gate, run_id from ops.gate_result order by gate, checked_at desc) as newest using (gate, run_id)"
        " group by gate, severity",
    ),
    Figure(
        "forewarn_troubles",
        "Troubles that operations were told of and that go on.",
        ("kind",),
        "select kind, count(*) from ops.trouble where over_at is null group by 1",
    ),
    Figure(
        "forewarn_cases",
        "Cases that are not closed.",
        ("level", "state"),
        "select level, state, count(*) from alerts.\"case\" where state <> 'closed' group by 1, 2",
    ),
    Figure(
        "forewarn_tasks_open",
        "Tasks that are open, by role.",
        ("role",),
        "select role, count(*) from alerts.task where state = 'open' group by 1",
    ),
    Figure(
        "forewarn_outbox",
        "Messages, by where they stand.",
        ("channel", "state"),
        "select channel, state, count(*) from alerts.outbox group by 1, 2",
    ),
    Figure(
        "forewarn_outbox_oldest_due_seconds",
        "Time for which the oldest message has been due and unsent; 0 when none is.",
        (),
        f"select greatest(0, coalesce({_AGE.format('min(next_attempt_at)')}, 0)) from alerts.outbox"
        " where state in ('pending', 'retry')",
    ),
    Figure(
        "forewarn_attempts_total",
        "Attempts to send, by how they ended.",
        ("channel", "outcome"),
        "select channel, outcome, count(*) from alerts.attempt join alerts.outbox using (alert_id) group by 1, 2",
        counts=True,
    ),
    Figure(
        "forewarn_paused",
        "1 while nothing is sent by decision or after a restore.",
        (),
        "select count(*) from alerts.pause where resumed_at is null",
    ),
    Figure(
        "forewarn_scored_customers",
        "Customers that the newest day has scores of.",
        ("definition", "model_version"),
        "select definition, model_version, count(*) from ml.score where as_of_date = (select max(as_of_date)"
        " from ml.score) group by 1, 2",
    ),
)


class Ledgers(Collector):
    """The figures of one warehouse at one moment."""

    def __init__(self, cursor: extensions.cursor, now: datetime) -> None:
        self._cursor, self._now = cursor, now

    def collect(self) -> Iterator[Metric]:
        """Ask for each figure."""
        for figure in FIGURES:
            self._cursor.execute(figure.query, {"now": self._now})
            yield _family(figure, self._cursor.fetchall())


def exposition(cursor: extensions.cursor, *, now: datetime) -> str:
    """Return every figure in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(Ledgers(cursor, now))
    return generate_latest(registry).decode()


def _family(figure: Figure, rows: Iterable[tuple[object, ...]]) -> Metric:
    kind = CounterMetricFamily if figure.counts else GaugeMetricFamily
    family = kind(figure.name, figure.help, labels=figure.labels)
    for *labels, value in rows:
        family.add_metric([str(label) for label in labels], float(str(value)))
    return family
