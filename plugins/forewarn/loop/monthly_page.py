"""The monthly report in one language: figures and suggestions as sections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from forewarn.alerts.language import Language
from forewarn.config.project import Project
from forewarn.loop.figures import DIMENSIONS, OF_MONTH, OF_RIPE_MONTH, Dimension, Figures
from forewarn.loop.page import Page, Section, Table
from forewarn.loop.proportions import Difference
from forewarn.loop.save_rate import SaveRate
from forewarn.loop.thresholds import Suggestion

HERE = Path(__file__).parent
BY_MEMBER = (
    *("alerts", "told", "acknowledgement_rate", "false_alarm_rate", "save_rate_gross", "cost", "roi_gross"),
    *("precision", "recall", "median_lead_days"),
)
_MONEY = {"saved_value", "cost"}
_SHARES = {"acknowledgement_rate", "false_alarm_rate", "save_rate_gross", "roi_gross", "precision", "recall"}


def monthly_page(
    figures: Figures, suggestions: Sequence[Suggestion], project: Project, locale: str, *, as_of_date: date
) -> Page:
    """Return the report of a month; `as_of_date` is the newest published day."""
    words = _Words(Language(locale, HERE / "languages"), project)
    say, month = words.say, words.say.month(figures.month)
    definition = say.text("monthly", "definition", project.churn.definition)
    sections = [
        Section(say.text("monthly", "section", "short"), tuple(words.short(figures))),
        words.figures(figures),
        words.saves(figures),
        *(words.members(one, figures) for one in DIMENSIONS if one != "all"),
        words.missed(figures),
        Section(say.text("monthly", "section", "suggestions"), tuple(words.suggestions(suggestions))),
    ]
    return Page(
        language=say.tag,
        title=say.text("monthly", "title", month=month),
        subtitle=say.text(
            "monthly",
            "subtitle",
            company=project.company,
            date=say.date(as_of_date),
            definition=definition,
            days=say.days(project.churn.horizon_days),
        ),
        sections=tuple(sections),
        sql_label=say.text("monthly", "sql"),
        sql_help=say.text("monthly", "sql_help"),
        footer=say.text("monthly", "footer", company=project.company),
    )


class _Words:
    def __init__(self, say: Language, project: Project) -> None:
        self.say, self.project = say, project
        self.nothing = say.text("monthly", "none")

    def short(self, figures: Figures) -> list[str]:
        """Return the report in some sentences."""
        whole, missed = figures.whole, sum(count for _, _, count in figures.missed.rows)
        if not whole and not missed:
            return [self._short("nothing", month=self.say.month(figures.month))]
        said = [self._short("alerts", alerts=self._of("alerts", whole), told=self._of("told", whole))]
        if figures.ripe is None:
            said.append(self._short("unripe", days=self.say.days(self.project.churn.horizon_days)))
        else:
            rates = {name: self._of(name, whole) for name in ("precision", "recall")}
            said.append(self._short("ripe", month=self.say.month(figures.ripe), **rates))
        if whole.get("precision_untreated") is not None:
            said.append(self._short("untreated", precision=self._of("precision_untreated", whole)))
        if whole.get("save_rate_gross") is not None:
            said.append(self._short("gross", rate=self._of("save_rate_gross", whole)))
        said.append(self._saved(figures.saves["all"][0]))
        if missed:
            said.append(self._short("missed", leavers=self.say.number(missed)))
        return said

    def figures(self, figures: Figures) -> Section:
        """Return every figure of all alerts together."""
        months = [(OF_MONTH, figures.month), (OF_RIPE_MONTH, figures.ripe)]
        rows = [
            (self.say.text("monthly", "figures", name), self._of(name, figures.whole), self.say.month(of))
            for names, of in months
            if of is not None
            for name in names
        ]
        queries = (*figures.performance["all"].sql, figures.ripe_sql)
        columns = tuple(self.say.text("monthly", "figures", name) for name in ("column", "value", "month"))
        table = Table(columns, tuple(rows))
        return Section(self.say.text("monthly", "section", "figures"), table=table, sql=queries)

    def saves(self, figures: Figures) -> Section:
        """Return the arms of the comparison, of everybody and of each member."""
        columns = (
            "member",
            "told",
            "told_left",
            "control",
            "control_left",
            "unripe",
            "saved",
            "interval",
            "value",
            "roi",
        )
        rows = [self._arms(one) for found, _ in figures.saves.values() for one in found]
        headings = tuple(self.say.text("monthly", "saves", "columns", name) for name in columns)
        sentences = tuple(self.say.text("monthly", "saves", name) for name in ("explained", "playbook"))
        queries = tuple(sql for _, sql in figures.saves.values())
        return Section(
            self.say.text("monthly", "section", "saves"),
            sentences,
            Table(headings, tuple(rows)) if rows else None,
            queries,
        )

    def members(self, dimension: Dimension, figures: Figures) -> Section:
        """Return a row for each rule, model, segment, manager or playbook."""
        found = figures.performance[dimension]
        first = self.say.text("monthly", "dimension", dimension)
        columns = (first, *(self.say.text("monthly", "short_figures", name) for name in BY_MEMBER))
        rows = [(member, *(self._of(name, values) for name in BY_MEMBER)) for member, values in found.members.items()]
        sentences = [self.say.text("monthly", "overlap")] if dimension == "rule" else []
        if dimension == "rule" and figures.ripe is not None:
            sentences.append(self.say.text("monthly", "of_months", month=self.say.month(figures.ripe)))
        table = Table(columns, tuple(rows)) if rows else None
        return Section(self.say.text("monthly", "section", dimension), tuple(sentences), table, found.sql)

    def missed(self, figures: Figures) -> Section:
        """Return why nobody was told of those who left, and what would have shown it."""
        names = ("why", "signal", "leavers")
        columns = tuple(self.say.text("monthly", "missed", "columns", name) for name in names)
        rows = tuple(
            (self.say.text("monthly", "missed", "why", why), signal or self.nothing, self.say.number(count))
            for why, signal, count in figures.missed.rows
        )
        said = self.say.text("monthly", "missed", "explained" if rows else "none")
        table = Table(columns, rows) if rows else None
        return Section(self.say.text("monthly", "section", "missed"), (said,), table, (figures.missed.sql,))

    def suggestions(self, suggestions: Sequence[Suggestion]) -> list[str]:
        """Return a sentence for each rule that another threshold would have made better."""
        if not suggestions:
            return [self.say.text("monthly", "suggestions", "none")]
        return [
            self.say.text(
                "monthly",
                "suggestions",
                "one",
                rule=one.rule_id,
                precision=self._share(one.now.precision),
                alerts=self.say.number(one.now.alerts_per_week),
                metric=one.change.metric,
                before=f"{one.change.before:g}",
                after=f"{one.change.after:g}",
                then=self._share(one.then.precision),
                then_alerts=self.say.number(one.then.alerts_per_week),
                foreseen=self.say.number(one.then.foreseen),
                now_foreseen=self.say.number(one.now.foreseen),
                leavers=self.say.number(one.now.leavers),
                how=self._way(one),
            )
            for one in suggestions
        ]

    def _way(self, suggestion: Suggestion) -> str:
        base = self.project.alerts.workbench_url
        if base is None:
            return self.say.text("monthly", "suggestions", "by_file", command=suggestion.command)
        return self.say.text("monthly", "suggestions", "on_page", address=suggestion.address(base))

    def _saved(self, found: Sequence[SaveRate]) -> str:
        if not found or found[0].saved is None:
            return self._short("no_control")
        saved = found[0].saved
        shares = {name: self._share(value) for name, value in vars(saved).items() if name != "value"}
        return self._short("shown" if saved.shown else "not_shown", saved=self._share(saved.value), **shares)

    def _arms(self, one: SaveRate) -> tuple[str, ...]:
        saved = one.saved
        return (
            self.say.text("monthly", "saves", "all") if one.member == "all" else one.member,
            self.say.number(one.told.customers),
            self._share(one.told.rate),
            self.say.number(one.control.customers),
            self._share(one.control.rate),
            self.say.number(one.unripe),
            self.nothing if saved is None else self._share(saved.value),
            self.nothing if saved is None else self._interval(saved),
            self._shown(one.saved_value, one, money=True),
            self._shown(one.roi, one, money=False),
        )

    def _interval(self, saved: Difference) -> str:
        low, high = self._share(saved.low), self._share(saved.high)
        return self.say.text("monthly", "saves", "interval", low=low, high=high)

    def _shown(self, value: float | None, one: SaveRate, *, money: bool) -> str:
        if not one.shown:
            return self.say.text("monthly", "saves", "not_shown")
        if value is None:
            return self.nothing
        return self.say.money(value, self.project.currency) if money else self._share(value)

    def _of(self, name: str, values: Mapping[str, float | None]) -> str:
        value = values.get(name)
        if value is None:
            return self.nothing
        if name in _MONEY:
            return self.say.money(value, self.project.currency)
        if name in _SHARES or name == "precision_untreated":
            return self._share(value)
        return self.say.days(value) if name == "median_lead_days" else self.say.number(value)

    def _share(self, value: float | None) -> str:
        return self.nothing if value is None else self.say.percent(value, digits=1)

    def _short(self, name: str, **values: str) -> str:
        return self.say.text("monthly", "short", name, **values)
