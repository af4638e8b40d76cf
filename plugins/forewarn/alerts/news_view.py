"""Messages without a case, worded into the same texts as a message about one."""

from __future__ import annotations

from forewarn.alerts.language import Language
from forewarn.alerts.metrics import Unit
from forewarn.alerts.news import KpiNews, MonthlyNews, ReportNews, StageNews
from forewarn.alerts.plain import one_line
from forewarn.alerts.view import Fact, View
from forewarn.config.segments import Stage


def stage_view(news: StageNews, alert_id: int) -> View:
    """Return the texts of a change of stage in its reader's language."""
    language = Language(news.locale)
    customer, owner = one_line(news.customer, 120), one_line(news.owner_name or "", 120)
    after, before = (language.text("stage", name) for name in (news.stage, news.previous_stage))
    facts = [Fact(language.text("stages", "before"), before, language.near_date(news.previous_as_of, news.as_of_date))]
    if news.silent_days is not None:
        facts.append(Fact(language.text("stages", "silent"), language.days(news.silent_days), ""))
    facts.append(Fact(language.text("facts", "value"), language.money(news.value_at_stake, news.currency), ""))
    badge = language.text("stages", "badge", stage=after)
    summary = language.text("stages", "summary", before=before, after=after)
    because = language.text(
        "footer",
        news.why,
        customer=customer,
        owner=owner,
        risk=language.text("stages", "kind"),
        address=news.refused_by or "",
        cause=one_line(news.cause or "", 120),
    )
    return View(
        language=language.tag,
        direction_of_level="•",
        level="low",
        badge=badge,
        state=language.text("new"),
        customer=customer,
        summary=summary,
        facts=facts,
        chart="",
        chart_alternative="",
        why=language.text("why"),
        reasons=[("", change_text(news.previous_stage, news.stage, news.silent_days, language))],
        next_step_label=language.text("next_step"),
        next_step=language.text("stages", "next", news.stage, customer=customer),
        because=because,
        provenance=_provenance(news, language, alert_id),
        subject=one_line(f"{badge}: {customer}", 200),
        loss="",
    )


def kpi_view(news: KpiNews, alert_id: int) -> View:
    """Return the texts of a figure beyond its bound in its reader's language."""
    language = Language(news.locale)
    name = language.text("kpi", news.kpi)
    figure, limit = (told(value, news.unit, news.currency, language) for value in (news.figure, news.limit))
    month = language.month(news.history[-1].month)
    made = "baseline" if news.baseline_months else "stated"
    bound = language.text("kpis", made, news.side, limit=limit, months=language.months(news.baseline_months or 0))
    summary = language.text("kpis", "summary", name=name, figure=figure, month=month, bound=bound)
    facts = [
        Fact(
            language.month(one.month),
            "?" if one.figure is None else told(one.figure, news.unit, news.currency, language),
            "",
        )
        for one in reversed(news.history)
    ]
    return View(
        language=language.tag,
        direction_of_level="▲" if news.side == "above" else "▼",
        level="medium",
        badge=language.text("kpis", "badge"),
        state=language.text("new"),
        customer=name,
        summary=summary,
        facts=facts,
        chart="",
        chart_alternative="",
        why=language.text("why"),
        reasons=[(name, bound)],
        next_step_label=language.text("next_step"),
        next_step=language.text("kpis", "next", kpi=news.kpi),
        because=language.text(
            "footer", "kpi" if news.why == "team" else news.why, cause=news.cause or "", address=news.refused_by or ""
        ),
        provenance=_provenance(news, language, alert_id),
        subject=one_line(language.text("kpis", "subject", name=name, figure=figure, month=month), 200),
        loss="",
    )


def report_view(news: ReportNews, alert_id: int) -> View:
    """Return the texts of a report in its reader's language."""
    language = Language(news.locale)
    kind = "monthly" if isinstance(news, MonthlyNews) else "scheduled"
    first, *others = [one_line(sentence, 600) for sentence in news.sentences]
    return View(
        language=language.tag,
        direction_of_level="•",
        level="low",
        badge=language.text("report_mail", kind, "badge"),
        state=language.month(news.month) if isinstance(news, MonthlyNews) else language.date(news.as_of_date),
        customer=one_line(news.title, 200),
        summary=first,
        facts=[],
        chart="",
        chart_alternative="",
        why=language.text("report_mail", kind, "why"),
        reasons=[("", sentence) for sentence in others],
        next_step_label=language.text("next_step"),
        next_step=language.text("report_mail", kind, "next", file=news.file_name),
        because=language.text(
            "footer",
            kind if news.why in ("team", "routed") else news.why,
            cause=news.cause or "",
            address=news.refused_by or "",
            company=one_line(news.company, 120),
        ),
        provenance=_provenance(news, language, alert_id),
        subject=one_line(f"{news.title} ({news.company})", 200),
        loss="",
    )


def change_text(before: Stage, after: Stage, silent_days: int | None, language: Language) -> str:
    """Return a change of stage as a sentence."""
    text = language.text(
        "stages",
        "text_unsilent" if silent_days is None else "text",
        before=language.text("stage", before),
        after=language.text("stage", after),
        days=language.days(silent_days or 0),
    )
    return text[:1].upper() + text[1:]


def told(value: float, unit: Unit, currency: str, language: Language) -> str:
    """Return a figure in its unit; a share with one decimal place, since a month's churn moves within a percent."""
    if unit == "share":
        return language.percent(value, digits=1)
    if unit == "money":
        return language.money(value, currency)
    if unit == "days":
        return language.days(value)
    return language.number(value)


def _provenance(news: StageNews | KpiNews | ReportNews, language: Language, alert_id: int) -> list[str]:
    return [
        language.text("footer", "data", date=language.date(news.as_of_date)),
        language.text("footer", "alert", alert=str(alert_id)),
    ]
