"""Alerts that wait in the outbox, and what became of them."""

from __future__ import annotations

from alerting_warehouse import DAY, NOW, RUN, AlertingWarehouse

from forewarn.alerts import open_cases
from forewarn.config.project import Project
from forewarn.config.settings import Settings

ANA = "ana.weber@meridian.example"
LEAD = "sales-lead@meridian.example"


def wait_for_alerts(
    settings: Settings, project: Project, marts: AlertingWarehouse, count: int = 1, *, score: float = 0.9
) -> None:
    """Publish a day on which so many customers are at risk, and open their cases."""
    for number in range(count):
        marts.customer(f"c{number}", name=f"Customer {number}")
        marts.score(f"c{number}", score)
    marts.publish()
    open_cases(settings, project, as_of_date=DAY, run_id=RUN, now=NOW)


def lapse_leases(marts: AlertingWarehouse) -> None:
    """Let the time pass that a dead dispatcher's leases last."""
    marts.run("update alerts.outbox set lease_until = clock_timestamp() - interval '1 second' where state = 'sending'")


def states(marts: AlertingWarehouse) -> list[str]:
    """Return the states of the outbox, in the order of its numbers."""
    return [row[0] for row in marts.rows("select state from alerts.outbox order by alert_id")]


def messages(settings: Settings) -> list[str]:
    """Return the names of the files that were delivered."""
    return sorted(file.name for file in settings.outbox.glob("*.eml"))
