"""Rules, playbooks and routes: what is shipped is sound, and what is not sound is refused at its place."""

import shutil
from datetime import date
from pathlib import Path

import pytest

from forewarn import stages
from forewarn.alerts import sentence
from forewarn.alerts.actions import filled, load_actions
from forewarn.alerts.due_day import due_day
from forewarn.alerts.language import Language
from forewarn.alerts.levels import LEVELS
from forewarn.alerts.metrics import declared
from forewarn.alerts.playbooks import load_playbooks, worded
from forewarn.alerts.rules import FAMILIES, load_rules
from forewarn.config.project import Project, load_project
from forewarn.config.settings import Settings
from forewarn.errors import ConfigError

CONFIG = Path(__file__).parents[3] / "config"


@pytest.fixture
def project() -> Project:
    return load_project(CONFIG)


@pytest.fixture
def own(tmp_path: Path, project: Project) -> Project:
    (tmp_path / "rules").mkdir()
    return project.model_copy(update={"folder": tmp_path})


@pytest.mark.parametrize(
    ("file", "wrong", "place"),
    [
        ("routes.yml", "routes:\n  account_manger: {to: owner}\n", r"routes\.yml:2:"),
        ("playbooks.yml", "levels: {}\nsteps:\n  - {step: Call., famly: spend}\n", r"playbooks\.yml:3:"),
        ("transitions.yml", "stage: []\n", r"transitions\.yml:1:"),
        ("kpis.yml", "kpis:\n  - {kpi: nonsense, above: 1, to: finance}\n", r"kpis\.yml:2:"),
        ("reports.yml", "reports:\n  - {report: sales, to: finanse}\n", r"reports\.yml:2:"),
        ("actions.yml", "actions:\n  crm: {kind: crm_tusk}\n", r"actions\.yml:2:"),
        ("forewarn.yml", "  pilot: segmant = 'retail'\n", r"forewarn\.yml:\d+:.*segmant"),
        ("rules/silent_quarter.yml", "when: nonsense > 1\n", r"silent_quarter\.yml:"),
    ],
)
def test_what_cannot_be_meant_is_named_before_a_day_begins(tmp_path: Path, file: str, wrong: str, place: str) -> None:
    shutil.copytree(CONFIG, tmp_path / "config")
    spoilt = tmp_path / "config" / file
    if file == "forewarn.yml":
        wrong = spoilt.read_text("utf-8").replace("alerts:\n", f"alerts:\n{wrong}")
    spoilt.write_text(wrong, encoding="utf-8")
    settings = Settings(CONFIG.parent, tmp_path / "config", tmp_path, "unnamed", "")
    with pytest.raises(ConfigError, match=place):
        stages.streams(settings)


def test_the_shipped_rules(project: Project) -> None:
    rules = {rule.name: rule for rule in load_rules(project)}
    states: dict[str, set[str]] = {}
    for name, rule in rules.items():
        states.setdefault(rule.content.state, set()).add(name)
    assert states == {
        "live": {
            "competitor_named",
            "complaint_open",
            "complaint_rate",
            "complaint_spike",
            "credit_exceeded",
            "discount_asked",
            "fading_interaction",
            "logins_halved",
            "negative_post",
            "negative_review",
            "overdue_receivables",
            "pays_late",
            "price_pressure",
            "silent_quarter",
            "spend_drop",
            "steady_decline",
            "stocked_out",
            "users_halved",
        },
        "shadow": {"answers_stopped", "billing_dispute", "events_missed", "low_nps", "opens_faded", "shallow_use"},
    }
    assert rules["overdue_receivables"].content.route == "finance"
    assert rules["silent_quarter"].content.route == "account_manager"
    for rule in rules.values():
        assert set(rule.content.title) == set(rule.content.reason) == {"en", "zh_CN"}


@pytest.mark.parametrize(
    ("old", "new", "place", "problem"),
    [
        ("days_overdue_max >= 30", "days_overdue >= 30", "10:7", "did you mean `days_overdue_max`"),
        ("overdue_amount > 0", "overdue_amount > 'much'", "9:", "`when`"),
        ("level: medium", "level: severe", "11:1", "'low', 'medium' or 'high'"),
        ("version: 1", "version: 1\nstat: live", "3:1", "did you mean `state`"),
        ("family: finance", "family: finances", "13:1", "did you mean `finance`"),
        ("{overdue_amount} overdue, the", "{overdue_sum} overdue, the", "19:7", "unknown metric `overdue_sum`"),
        ("  zh_CN: 发票逾期", "  de: Rechnungen", "16:3", "unknown language `de`"),
        ("  en: Invoices overdue\n", "", "14:1", "no `en` text"),
        ("{days_overdue_max} (open", "{days_overdue_max:late} (open", "19:7", "may be followed by :drop or :rise"),
        ("version: 1", "version: 0", "2:1", "greater than or equal to 1"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused_at_its_place(
    own: Project, old: str, new: str, place: str, problem: str
) -> None:
    text = (CONFIG / "rules" / "overdue_receivables.yml").read_text(encoding="utf-8")
    assert old in text
    (own.folder / "rules" / "mine.yml").write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"mine\.yml") as caught:
        load_rules(own)
    assert f"mine.yml:{place}" in str(caught.value)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("when", "line", "column"),
    [
        ("when: 1 = 1 and overdue_amont > 0", 10, 17),
        ("when: '1 = 1 and overdue_amont > 0'", 10, 18),
        ("when: >-\n  1 = 1\n\n  and overdue_amont > 0", 13, 7),
        ("when:\n  1 = 1 and\n  overdue_amont > 0", 12, 3),
        ("when: |\n  1 = 1\n    and overdue_amont > 0", 12, 9),
    ],
)
def test_a_place_in_a_condition_is_found_in_any_style_of_scalar(
    own: Project, when: str, line: int, column: int
) -> None:
    head = "id: mine\nversion: 1\ndescription: {example: e, reason: r, remedy: r}\nlevel: low\nroute: finance\n"
    head += "family: finance\ntitle: t\nreason: r\n# a remark\n"
    (own.folder / "rules" / "mine.yml").write_text(head + when + "\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="overdue_amount") as caught:
        load_rules(own)
    assert (caught.value.line, caught.value.column) == (line, column)


def test_one_id_belongs_to_one_file(own: Project) -> None:
    text = (CONFIG / "rules" / "overdue_receivables.yml").read_text(encoding="utf-8")
    for name in ("a.yml", "b.yml"):
        (own.folder / "rules" / name).write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"b\.yml:1:1: a second rule `overdue_receivables`"):
        load_rules(own)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"overdue_amount": 9699.4, "days_overdue_max": 1.0}, "$9,699 for 1 day"),
        ({"overdue_amount": None, "days_overdue_max": 2}, "2 days"),
        ({"overdue_amount": None, "days_overdue_max": None}, "?"),
    ],
)
def test_the_first_sentence_with_every_value_known_is_used(values: dict[str, object], text: str) -> None:
    variants = ["{overdue_amount} for {days_overdue_max}", "{days_overdue_max}"]
    assert sentence.fill(variants, values, declared(), Language("en"), "USD") == text


def test_a_ratio_can_be_told_as_a_change() -> None:
    values = {"revenue_trend_90d": 0.54, "orders_trend_90d": 1.3}
    variants = ["down {revenue_trend_90d:drop}, up {orders_trend_90d:rise}"]
    assert sentence.fill(variants, values, declared(), Language("en"), "USD") == "down 46%, up 30%"


@pytest.mark.capability("C32")
def test_each_level_route_and_family_has_a_step_and_a_day(project: Project) -> None:
    playbooks = load_playbooks(project)
    steps = set()
    for level in LEVELS:
        for route in ("account_manager", "finance", "service"):
            for family in (*FAMILIES, ""):
                for locale in ("en", "zh_CN"):
                    steps.add(
                        worded(
                            [playbooks.choose(route=route, family=family, level=level).step],
                            customer="Northwind",
                            contact=None,
                            due=date(2026, 11, 18),
                            language=Language(locale),
                        )
                    )
    assert len(steps) > 20
    assert all("{" not in step for step in steps)
    assert "Call your contact at Northwind by Wednesday, Nov 18." in steps
    # A Monday: two days for high, five for medium (a Saturday, so Monday), ten for low.
    assert [playbooks.due(level, date(2026, 11, 16)) for level in ("high", "medium", "low")] == [
        date(2026, 11, 18),
        date(2026, 11, 23),
        date(2026, 11, 26),
    ]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("  low: {", "  lowest: {", "lowest"),
        ("with {contact} by {due}.", "with {contract} by {due}.", "unknown `'contract'`"),
        ("family: spend", "family: spending", "did you mean `spend`"),
        ("high_from: 0.8", "high_from: 1.8", "less than or equal to 1"),
        ("  - step:\n", "  - route: service\n    step:\n", "no step without a condition"),
        ("family: breadth", "when: segmant = 'key'", "did you mean `segment`"),
        ("model:", "after_purchase: [{id: a, when: orders > 1, days: 3, step: x}]\nmodel:", "unknown column `orders`"),
        ("model:", "after_purchase: [{id: a, when: amount > 1, days: 0, step: x}]\nmodel:", "greater than or equal"),
        ("model:", "after_purchase: [{id: a, when: amount > 1, days: 3, step: '{on}'}]\nmodel:", "due, ordered"),
        ("family: breadth", "rule: spend_dropped", "unknown rule `spend_dropped`"),
        ("family: breadth", "contact_every_days: 0", "greater than or equal to 1"),
        ("family: breadth", "then: [{id: a, step: x, due_days: 1}, {id: a, step: y, due_days: 2}]", "called `a`"),
        ("family: breadth", "offer: {en: '{discount}'}", "known in braces: contact, customer, due"),
    ],
)
def test_a_playbook_that_cannot_be_meant_is_refused(own: Project, old: str, new: str, problem: str) -> None:
    text = (CONFIG / "playbooks.yml").read_text(encoding="utf-8")
    assert old in text
    (own.folder / "playbooks.yml").write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_playbooks(own)
    assert problem in str(caught.value)
    assert str(caught.value).startswith(str(own.folder / "playbooks.yml") + ":")


@pytest.mark.parametrize(
    ("days", "working", "due"),
    [
        (5, False, date(2026, 11, 23)),  # a Saturday, and so Monday
        (5, True, date(2026, 11, 23)),
        (10, False, date(2026, 11, 26)),
        (10, True, date(2026, 11, 30)),
        (0, True, date(2026, 11, 16)),
    ],
)
def test_a_due_day_is_no_weekend(days: int, working: bool, due: date) -> None:
    assert due_day(date(2026, 11, 16), days, working=working) == due


@pytest.mark.capability("C41")
def test_a_playbook_is_chosen_by_rule_and_customer_and_has_a_name_and_a_version(own: Project) -> None:
    file = own.folder / "playbooks.yml"
    levels = "levels: {low: &one {response_days: 1, probability_by_rules: 0.1}, medium: *one, high: *one}\n"
    (own.folder / "rules" / "late.yml").touch()
    steps = (
        "steps:\n- {when: segment = 'key' and mrr > 5, step: a}\n- {rule: late, step: b}\n"
        "- {rule: late, route: finance, step: c}\n- {when: mrr > 1, step: d}\n- {step: e}\n"
    )
    file.write_text(levels + steps, encoding="utf-8")
    playbooks = load_playbooks(own)
    names = ["otherwise", "late", "finance_late", "otherwise_2", "otherwise_3"]
    assert [step.name for step in playbooks.steps] == names
    assert list(playbooks.conditions) == ["otherwise", "otherwise_2"]

    def chosen(**more: set[str]) -> str:
        return playbooks.choose(route="finance", family="spend", level="low", **more).step["en"]

    assert [
        chosen(),
        chosen(rules={"late"}),
        chosen(rules={"late"}, true={"otherwise"}),
        chosen(true={"otherwise_2"}),
    ] == ["e", "b", "a", "d"]
    before = playbooks.steps[1].version
    file.write_text(levels + steps.replace("step: b", "step: b2"), encoding="utf-8")
    assert load_playbooks(own).steps[1].version != before
    assert load_playbooks(own).steps[2].version == playbooks.steps[2].version


@pytest.mark.parametrize(
    ("locale", "tag", "days", "money"),
    [
        ("en", "en", "41 days", "$116,388"),
        ("en_GB", "en", "41 days", "US$116,388"),
        ("zh_CN", "zh-CN", "41 天", "US$116,388"),
        ("zh-Hans-CN", "zh-CN", "41 天", "US$116,388"),
        ("de_DE", "en", "41 days", "$116,388"),
        ("not a locale", "en", "41 days", "$116,388"),
        (None, "en", "41 days", "$116,388"),
    ],
)
def test_a_reader_gets_one_language_and_its_formats(locale: str | None, tag: str, days: str, money: str) -> None:
    language = Language(locale)
    assert (language.tag, language.days(41), language.money(116_388.4, "USD")) == (tag, days, money)


def test_both_catalogs_say_the_same_things() -> None:
    def keys(node: object, path: str = "") -> set[str]:
        if not isinstance(node, dict) or path.startswith("/count/"):
            return {path}
        return {key for name, child in node.items() for key in keys(child, f"{path}/{name}")}

    english, chinese = Language("en")._texts, Language("zh_CN")._texts
    assert keys(english) == keys(chinese)
    assert len(keys(english)) > 50


CRM = """
actions:
  crm:
    kind: crm_task
    connection: crm_api
    path: /tasks/{external_id}
    headers: {authorization: "Bearer {secret}"}
    body: {subject: "{text}", days: ["{due_on}"]}
"""


@pytest.mark.parametrize(
    ("old", "new", "place", "problem"),
    [
        ("kind: crm_task", "kind: crm_tasks", "3:3", "'crm_task', 'airflow_dag', 'report'"),
        ('"{text}"', '"{txt}"', "8:12", "did you mean `text`"),
        ('["{due_on}"]', '["{due_at}"]', "8:38", "did you mean `due_on`"),
        ('"{text}"', '"{text!x}"', "8:12", "write {{ and }} for braces"),
        ('"{text}"', '"{secret}"', "8:12", "unknown `secret`"),
        ("  crm:", "  wecom:", "3:3", "`wecom` is a channel"),
        ("/tasks/{external_id}", "/tasks", "3:3", "put {external_id} into it"),
        ("path: /tasks/{external_id}", "method: POST\n    path: /tasks", "3:3", "add `ask`"),
        ("path:", "pat:", "6:5", "did you mean `path`"),
    ],
)
def test_an_action_that_cannot_be_meant_is_refused_at_its_place(
    own: Project, old: str, new: str, place: str, problem: str
) -> None:
    assert old in CRM
    (own.folder / "actions.yml").write_text(CRM.replace(old, new), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"actions\.yml") as caught:
        load_actions(own)
    assert f"actions.yml:{place}" in str(caught.value)
    assert problem in str(caught.value)


def test_playbooks_and_rules_name_actions_that_there_are(own: Project) -> None:
    (own.folder / "actions.yml").write_text(CRM, encoding="utf-8")
    text = (CONFIG / "playbooks.yml").read_text(encoding="utf-8")
    book = own.folder / "playbooks.yml"
    for old, new, problem in (
        ("family: breadth", "actions: [crmm]", "unknown action `crmm`. Next: did you mean `crm`"),
        ("model:", "each_day: [crm]\nmodel:", "unknown action `crm`. Next: declare it in actions.yml"),
        ("due_days: 10", "due_days: 10\n        actions: [other]", "unknown action `other`"),
    ):
        book.write_text(text.replace(old, new, 1), encoding="utf-8")
        with pytest.raises(ConfigError, match=r"playbooks\.yml") as caught:
            load_playbooks(own)
        assert problem in str(caught.value)
    rule = (CONFIG / "rules" / "overdue_receivables.yml").read_text(encoding="utf-8")
    (own.folder / "rules" / "overdue_receivables.yml").write_text(rule + "actions: [page]\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="unknown action `page`"):
        load_rules(own)


def test_a_template_keeps_the_type_of_a_value_that_stands_alone() -> None:
    values = {"case_id": 7, "text": "Call", "level": None}
    assert filled(
        {"a": ["{case_id}", "{{{case_id}}}", 1.5], "b": {"c": "{text}: {level}"}, "d": "{level}"}, values
    ) == {
        "a": [7, "{7}", 1.5],
        "b": {"c": "Call: "},
        "d": None,
    }
