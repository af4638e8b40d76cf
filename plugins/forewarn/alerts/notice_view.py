"""A message to operations, worded into the same texts as a message about a case."""

from __future__ import annotations

from datetime import UTC, datetime

from forewarn.alerts.content import Notice
from forewarn.alerts.language import Language
from forewarn.alerts.plain import one_line
from forewarn.alerts.view import Fact, View

LEVELS = {
    "late": "high",
    "held": "high",
    "blocked": "medium",
    "substituted": "medium",
    "low_stock": "medium",
    "stopped": "high",
    "silent": "high",
    "undelivered": "high",
    "over": "low",
}
# A mail names what it is about; a list of everything is in the warehouse.
MOST_NAMES = 12


def notice_view(notice: Notice, alert_id: int) -> View:
    """Return a notice's texts in its reader's language."""
    language = Language(notice.locale)
    kinds = {one.kind for one in notice.streams}
    worst = ("silent", "stopped", "undelivered", "held", "late", "blocked", "substituted", "low_stock")
    kind = "over" if notice.over else next(kind for kind in worst if kind in kinds)
    streams = list(dict.fromkeys(one.stream for one in notice.streams))
    address = notice.refused_by or ""
    return View(
        language=language.tag,
        direction_of_level="•" if notice.over else "▲",
        level=LEVELS[kind],
        badge=language.text("operations", "badge", kind),
        state=language.text("operations", "state", "over" if notice.over else "new"),
        customer=one_line(notice.source, 120),
        summary=language.text("operations", "summary", kind),
        facts=_facts(notice, language),
        chart="",
        chart_alternative="",
        why=language.text("operations", "why", kind),
        reasons=_reasons(notice, kind, language),
        next_step_label=language.text("next_step"),
        next_step=_next_step(notice, kind, streams[0], language),
        because=language.text("footer", notice.why, company=one_line(notice.company, 120), address=address),
        provenance=[
            language.text("footer", "data", date=language.date(notice.as_of_date)),
            language.text("footer", "alert", alert=str(alert_id)),
        ],
        subject=one_line(
            language.text("operations", "subject", kind, source=notice.source, streams=_listed(streams, language)), 200
        ),
        loss="",
    )


def _facts(notice: Notice, language: Language) -> list[Fact]:
    """Return short rows: a long one would leave no room for its label on a phone."""
    facts = []
    for one in notice.streams:
        note = ""
        if one.kind == "late" and not notice.over:
            came = _moment(one.arrived_at, notice, language) if one.arrived_at else language.text("operations", "never")
            facts.append(Fact(language.text("operations", "last", stream=one.stream), came))
            if one.promise_hours is not None:
                note = language.text("operations", "promise", hours=language.number(one.promise_hours))
        label = language.text("operations", one.kind, stream=one.stream)
        facts.append(Fact(label, _moment(one.since, notice, language), note))
    return facts


def _reasons(notice: Notice, kind: str, language: Language) -> list[tuple[str, str]]:
    said = [(one.stream, one_line(one.reason, 600)) for one in notice.streams if one.reason]
    if kind != "late":
        return said
    waits = [
        (_counted(name, len(names), language), _listed(names, language))
        for name, names in (("features", notice.features), ("rules", notice.rules))
        if names
    ]
    if notice.cases:
        text = language.text("operations", "cases_text")
        waits.append((_counted("cases", notice.cases, language), text))
    nothing = (language.text("operations", "nothing"), language.text("operations", "nothing_text"))
    return [*(waits or [nothing]), *said]


def _next_step(notice: Notice, kind: str, stream: str, language: Language) -> str:
    commands = dict.fromkeys(("held", "substituted"), "forewarn model train")
    commands |= {"stopped": "forewarn alerts release --reason WHY", "silent": "forewarn doctor"}
    commands["undelivered"] = f"forewarn alerts send-again {stream.rpartition(' ')[2]} --reason WHY"
    of_source = f"forewarn source test {notice.source} --stream {stream}"
    command = next((commands[one.kind] for one in notice.streams if one.kind in commands), of_source)
    general = language.text("operations", "next", kind, command=command)
    if kind == "over" or not notice.advice:
        return general
    return one_line(f"{notice.advice[:1].upper()}{notice.advice[1:].rstrip('.')}. {general}", 600)


def _counted(name: str, count: int, language: Language) -> str:
    return language.text("operations", name, language.locale.plural_form(count), n=language.number(count))


def _listed(names: list[str], language: Language) -> str:
    shown = names[:MOST_NAMES] + ([f"+{len(names) - MOST_NAMES}"] if len(names) > MOST_NAMES else [])
    return language.text("operations", "list").join(shown)


def _moment(moment: datetime, notice: Notice, language: Language) -> str:
    moment = moment.astimezone(UTC)
    day = language.near_date(moment.date(), notice.as_of_date)
    return language.text("operations", "moment", date=day, time=f"{moment:%H:%M}")
