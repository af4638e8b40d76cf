"""A silent customer and their case, day by day, by a playbook of one's own."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from alerting_warehouse import DAY, NOW, AlertingWarehouse, simulated_project

from forewarn.alerts import CaseCounts, evaluate_rules, open_cases
from forewarn.config.project import Project
from forewarn.config.settings import Settings

ANA, RECEIVABLES = "ana.weber@meridian.example", "receivables@meridian.example"
BOOK = """
levels:
  low: {response_days: 10, probability_by_rules: 0.15}
  medium: {response_days: 5, working_days: true, probability_by_rules: 0.3}
  high: {response_days: 2, probability_by_rules: 0.5}
steps:
  - {id: date, route: finance, step: "Ask {contact} for a date by {due}."}
  - id: visit
    route: account_manager
    when: segment = 'key' and full_months_since_last_order >= 3
    step: "Visit {contact} by {due}."
    offer: "Offer a review of the contract."
    due_days: 1
    contact_every_days: 7
  - id: call
    route: account_manager
    step: "Call {contact} by {due}."
    contact_every_days: 30
    then:
      - id: stop_credit
        who: finance
        step: "Stop deliveries on credit to {customer}."
        due_days: 3
        working_days: true
  - {step: "Look."}
"""


class Company:
    """One warehouse with a project of its own; each day is evaluated, published and alerted."""

    def __init__(self, settings: Settings, marts: AlertingWarehouse, folder: Path, **alerts: object) -> None:
        (folder / "playbooks.yml").write_text(BOOK, encoding="utf-8")
        (folder / "routes.yml").write_text((settings.config / "routes.yml").read_text("utf-8"), encoding="utf-8")
        project = simulated_project(settings.config, **alerts)
        self.project: Project = project.model_copy(update={"playbooks": folder / "playbooks.yml"})
        self.settings, self.marts = settings, marts

    @property
    def book(self) -> Path:
        """The playbook's file."""
        return self.project.path(self.project.playbooks)

    def day(self, ahead: int, run: str = "", customer: str = "c1", **features: float | None) -> CaseCounts:
        """Let a day pass, with these features of a customer."""
        day, now = DAY + timedelta(days=ahead), NOW + timedelta(days=ahead)
        self.marts.features(customer, day, **features)
        self.marts.run("delete from ops.publication")
        self.marts.publish(day, f"run {ahead} {run}")
        evaluate_rules(self.settings, self.project, as_of_date=day, now=now)
        return open_cases(self.settings, self.project, as_of_date=day, run_id=f"run {ahead} {run}", now=now)

    def tasks(self, columns: str = "role, step, due_on, owner_email, state") -> list[tuple[object, ...]]:
        """Return columns of all tasks, by their numbers."""
        return self.marts.rows(f"select {columns} from alerts.task order by task_id")
