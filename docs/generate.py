"""Write the pages of `docs/reference/` that come from the code, so that they cannot say anything else.

    python docs/generate.py            write them
    python docs/generate.py --check    say which are not current, and fail if any is

A test does the second. Pages written by hand stay as they are.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import typer
from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from ruamel.yaml import YAML

from forewarn.config.contact import CircuitBreaker, ContactCap, Digest, Holidays, QuietHours
from forewarn.config.entities import entities
from forewarn.config.health import Health
from forewarn.config.model import Model
from forewarn.config.project import Alerts, Churn, Project
from forewarn.config.segments import Lifecycle, Value
from forewarn.config.watch import Watch
from forewarn.config.words import Words

PROJECT = Path(__file__).resolve().parents[1]
REFERENCE = PROJECT / "docs" / "reference"
NOTE = "<!-- Written by docs/generate.py. Change what it reads, not this page. -->"


def pages() -> dict[str, str]:
    """Return every generated page by its file name."""
    from forewarn.alerts.actions import Actions
    from forewarn.alerts.playbooks import Playbooks
    from forewarn.alerts.rules import RuleFile

    return {
        "actions.schema.json": _schema(Actions, "config/actions.yml"),
        "forewarn.schema.json": _schema(Project, "config/forewarn.yml"),
        "playbooks.schema.json": _schema(Playbooks, "config/playbooks.yml"),
        "rule.schema.json": _schema(RuleFile, "a file in config/rules"),
        "source.schema.json": source_schema(),
        "capabilities.md": capabilities(),
        "cli.md": commands(),
        "configuration.md": configuration(),
        "entities.md": canonical_entities(),
        "rules.md": ready_rules(),
        "tables.md": tables(),
    } | gates()


def source_schema() -> str:
    """Return what an editor needs to help with a file in config/sources, entities and their columns included."""
    from forewarn.sources.model import FilesSource, RestSource, SqlSource

    mappings = {
        name: {
            "$ref": "#/$defs/Mapping",
            "description": entity.description,
            "properties": {
                "columns": {
                    "properties": {
                        column: {"description": spec.description} for column, spec in entity.columns.items()
                    },
                    "additionalProperties": False,
                }
            },
        }
        for name, entity in entities().items()
    }
    schema = TypeAdapter(SqlSource | RestSource | FilesSource).json_schema()
    schema["$defs"]["Entities"] = {"type": "object", "properties": mappings, "additionalProperties": False}
    for stream in ("SqlStream", "RestStream", "FileStream"):
        schema["$defs"][stream]["properties"]["entities"] = {"$ref": "#/$defs/Entities"}
    return _json(schema, "a file in config/sources")


def _schema(model: type[BaseModel], what: str) -> str:
    return _json(model.model_json_schema(), what)


def _json(schema: dict[str, Any], what: str) -> str:
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": "Written by docs/generate.py. Change what it reads, not this file.",
        "title": what,
    }
    return json.dumps(head | schema | {"title": what}, indent=2, ensure_ascii=False) + "\n"


def capabilities() -> str:
    """Each capability with the tests that show it."""
    shown = _marks(PROJECT / "tests")
    listed: dict[str, dict[str, list[str]]] = _yaml(PROJECT / "docs" / "capabilities.yml")
    known = {row for rows in listed.values() for row in rows}
    if strange := sorted(set(shown) - known):
        raise SystemExit(f"tests show capabilities that docs/capabilities.yml does not list: {', '.join(strange)}")
    parts = [
        "Each row is a capability, the check that shows it, and the tests that do. A row without one is not there yet.",
        f"{len(shown)} of {len(known)} rows have a test so far. A test may show a part of its row only.",
    ]
    for section, rows in listed.items():
        parts.append(f"## {section}")
        body = []
        for row, (text, check) in rows.items():
            tests = "<br>".join(f"[{name}](../../{path})" for path, name in shown.get(row, [])) or "not yet"
            body.append([row, text, check, tests])
        parts.append(_table(["#", "capability", "check", "shown by"], body))
    return _page("Capabilities", parts)


def _marks(folder: Path) -> dict[str, list[tuple[str, str]]]:
    """Return path and name of each test by the capability that it is marked with."""
    found: dict[str, list[tuple[str, str]]] = {}
    for file in sorted(folder.rglob("test_*.py")):
        path = file.relative_to(PROJECT).as_posix()
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node, above in _tests(tree, _of_module(tree)):
            for row in dict.fromkeys([*above, *_rows(node.decorator_list)]):
                found.setdefault(row, []).append((path, node.name))
    return found


def _of_module(tree: ast.Module) -> list[str]:
    assigned = [node for node in tree.body if isinstance(node, ast.Assign)]
    marks = [a.value for a in assigned if any(isinstance(t, ast.Name) and t.id == "pytestmark" for t in a.targets)]
    return _rows([part for mark in marks for part in (mark.elts if isinstance(mark, ast.List) else [mark])])


def _tests(node: ast.AST, above: list[str]) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, list[str]]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) and child.name.startswith("test_"):
            yield child, above
        elif isinstance(child, ast.ClassDef):
            yield from _tests(child, above + _rows(child.decorator_list))


def _rows(decorators: Sequence[ast.expr]) -> list[str]:
    return [
        str(argument.value)
        for decorator in decorators
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.capability"
        for argument in decorator.args
        if isinstance(argument, ast.Constant)
    ]


def canonical_entities() -> str:
    """Every canonical entity with its columns."""
    parts = [
        "What a stream may feed: `entities:` of a source file maps its columns to these. A **required** column must be"
        " mapped; any other is null where it is not. An entity that refers to an account may also be given"
        " `account_source`, the source in whose numbering `account_id` is meant, or `belongs_to`: then its customer,"
        " and its moment where no column tells one, are those of the record that it belongs to.",
    ]
    for name, entity in entities().items():
        parts += [f"## {name}", f"{entity.description} Key: `{entity.key}`."]
        if entity.refers:
            parts[-1] += f" Refers to an {entity.refers}."
        rows = []
        for column, spec in entity.columns.items():
            remarks = [word for word, said in (("required", spec.required), ("personal", spec.personal)) if said]
            rows.append([f"`{column}`", spec.type, ", ".join(remarks), spec.description])
        parts.append(_table(["column", "type", "", "meaning"], rows))
    return _page("Canonical entities", parts)


def configuration() -> str:
    """Every key of the configuration files, from the models that check them."""
    from forewarn.alerts.actions import Actions, AirflowDag, CrmTask, Report
    from forewarn.alerts.kpi_watch import KpiBound, KpiFile
    from forewarn.alerts.playbooks import AfterPurchase, FollowUp, LevelBook, ModelBook, Playbooks, Step
    from forewarn.alerts.routing import Away, Inhibition, RouteFile, RoutingFile, RoutingRule
    from forewarn.alerts.rules import Description, RuleFile
    from forewarn.alerts.transitions import Transition, Transitions
    from forewarn.loop.report_plan import Planned, ReportFile
    from forewarn.quality.suites import Check, Expectation
    from forewarn.sources import model as source

    files: list[tuple[str, str, list[tuple[str, type[BaseModel]]]]] = [
        (
            "forewarn.yml",
            "",
            [
                ("at the top", Project),
                ("`churn`", Churn),
                ("`alerts`", Alerts),
                ("`alerts.quiet_hours`", QuietHours),
                ("`alerts.holidays`", Holidays),
                ("`alerts.digest`", Digest),
                ("`alerts.contact_cap`", ContactCap),
                ("`alerts.circuit_breaker`", CircuitBreaker),
                ("`lifecycle`", Lifecycle),
                ("`value`", Value),
                ("`model`", Model),
                ("`model.watch`", Watch),
            ],
        ),
        (
            "health.yml",
            "How to write one: [weigh health](../how-to/weigh-health.md).",
            [("at the top", Health)],
        ),
        (
            "words.yml",
            "How words are read: [words](../explanation/words.md).",
            [("at the top", Words)],
        ),
        (
            "sources/NAME.yml",
            "How to write one: [add a source](../how-to/add-a-source.md).",
            [
                ("at the top", source.Source),
                ("`auth` (rest)", source.Auth),
                ("`streams.NAME` (every kind)", source.Stream),
                ("`streams.NAME` (sql)", source.SqlStream),
                ("`streams.NAME` (files)", source.FileStream),
                ("`streams.NAME` (rest)", source.RestStream),
                ("`streams.NAME.endpoint` (rest)", source.Endpoint),
                ("`streams.NAME.endpoint.paginator`", source.Paginator),
                ("`streams.NAME.each`, `streams.NAME.endpoint.each`", source.Each),
                ("`streams.NAME.freshness`", source.Freshness),
                ("`streams.NAME.deletes`", source.Deletes),
                ("`streams.NAME.lookup.NAME`", source.Lookup),
                ("`streams.NAME.entities.ENTITY`", source.Mapping),
            ],
        ),
        (
            "rules/NAME.yml",
            "How to write one: [add a rule](../how-to/add-a-rule.md).",
            [("at the top", RuleFile), ("`description`", Description)],
        ),
        (
            "routes.yml",
            "How to write one: [who is told](../how-to/choose-who-is-told.md).",
            [
                ("at the top", RoutingFile),
                ("`routes.NAME`, `teams.NAME`", RouteFile),
                ("`routing[]`", RoutingRule),
                ("`inhibitions[]`", Inhibition),
                ("`absences[]`", Away),
            ],
        ),
        (
            "transitions.yml",
            "How to write one: [stages and figures](../how-to/tell-of-stages-and-figures.md).",
            [("at the top", Transitions), ("`transitions[]`", Transition)],
        ),
        (
            "kpis.yml",
            "How to write one: [stages and figures](../how-to/tell-of-stages-and-figures.md).",
            [("at the top", KpiFile), ("`kpis[]`", KpiBound)],
        ),
        (
            "reports.yml",
            "How to write one: [send reports](../how-to/send-reports.md).",
            [("at the top", ReportFile), ("`reports[]`", Planned)],
        ),
        (
            "playbooks.yml",
            "How to write one: [write a playbook](../how-to/write-a-playbook.md).",
            [
                ("at the top", Playbooks),
                ("`levels.LEVEL`", LevelBook),
                ("`model`", ModelBook),
                ("`steps[]`", Step),
                ("`steps[].then[]`", FollowUp),
                ("`after_purchase[]`", AfterPurchase),
            ],
        ),
        (
            "actions.yml",
            "How to write one: [act in other systems](../how-to/act-in-other-systems.md).",
            [
                ("at the top", Actions),
                ("`actions.NAME` (crm_task)", CrmTask),
                ("`actions.NAME` (airflow_dag)", AirflowDag),
                ("`actions.NAME` (report)", Report),
            ],
        ),
        (
            "expectations/*.yml",
            "How to write one: [add an expectation](../how-to/add-an-expectation.md).",
            [("`gates.NAME.checks[]` of checkpoints.yml", Check), ("`expectations[]` of a suite", Expectation)],
        ),
    ]
    parts = [
        "Every file is checked before anything runs. An error names file, line and column, and the nearest known key."
        " A key without a default must be there."
    ]
    for file, remark, models in files:
        parts.append(f"## {file}")
        parts += [remark] if remark else []
        inherited: set[str] = set()
        for place, model in models:
            parts.append(f"### {place}")
            parts += [_first_sentence(model)]
            own = {
                name: spec for name, spec in model.model_fields.items() if name not in inherited and not spec.exclude
            }
            if model is source.Stream:
                inherited = set(own)
            parts.append(_fields(model, own))
    return _page("Configuration", parts)


def _fields(model: type[BaseModel], fields: dict[str, FieldInfo]) -> str:
    meanings = _attributes(model) | _yaml(PROJECT / "docs" / "meanings.yml").get(model.__name__, {})
    rows = []
    for field, spec in fields.items():
        name = spec.alias or field
        default = "" if spec.is_required() else _default(spec)
        rows.append(
            [
                f"`{spec.alias or name}`",
                _type(spec.annotation),
                default,
                spec.description or meanings.get(spec.alias or name, ""),
            ]
        )
    return _table(["key", "type", "default", "meaning"], rows)


def _default(spec: FieldInfo) -> str:
    value = spec.get_default(call_default_factory=True)
    if value is PydanticUndefined or isinstance(value, BaseModel):
        return "see below"
    shown = {None: "none", True: "true", False: "false"}.get(value) if isinstance(value, bool | None) else None
    return shown or (f"`{value}`" if str(value) not in ("", "[]", "{}", "()") else "empty")


def _type(kind: Any) -> str:
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in inner)
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(_type(part) for part in inner if part is not type(None)))
    if origin in (list, tuple):
        return f"list of {_type(inner[0])}"
    if origin is dict:
        return f"mapping of {_type(inner[0])} to {_type(inner[1])}"
    if inner:
        return _type(inner[0])
    words = {"str": "text", "int": "whole number", "float": "number", "bool": "true or false", "timedelta": "duration"}
    name = getattr(kind, "__name__", str(kind))
    return words.get(name, "anything" if name == "Any" else "see below" if _is_model(kind) else name.lower())


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _attributes(model: type[BaseModel]) -> dict[str, str]:
    """Return what the numpy-style docstrings of a model and its parents say of each field."""
    meanings: dict[str, str] = {}
    for kind in model.__mro__:
        section = re.split(r"\n\s*Attributes\n\s*-+\n", kind.__doc__ or "")
        if len(section) != 2 or not issubclass(kind, BaseModel):
            continue
        names: list[str] = []
        for line in section[1].expandtabs().splitlines():
            text = line.strip()
            if not text:
                continue
            if len(line) - len(line.lstrip()) == 4:
                names = [name.strip() for name in text.split(":")[0].split(",")]
                meanings.update({name: "" for name in names if name not in meanings})
            else:
                meanings.update({name: f"{meanings[name]} {text}".strip() for name in names})
    return meanings


def _first_sentence(model: type[BaseModel]) -> str:
    first = " ".join((model.__doc__ or "").split("\n\n")[0].split())
    return re.sub(r"`{2}", "`", first)


def ready_rules() -> str:
    """Every rule of `config/rules` with its condition, its sentence, and example, reason, remedy."""
    from forewarn.alerts.rules import load_rules
    from forewarn.config.project import load_project

    rules = load_rules(load_project(PROJECT / "config"))
    parts = [
        "The rules of `config/rules`. A **live** one opens cases; one in **shadow** judges at night and tells nobody."
        " How to change or add one: [add a rule](../how-to/add-a-rule.md).",
        _table(
            ["rule", "state", "level", "route", "family"],
            [
                [f"[{rule.name}](#{rule.name})", one.state, one.level, one.route, one.family]
                for rule in rules
                for one in [rule.content]
            ],
        ),
    ]
    for rule in rules:
        one = rule.content
        condition = one.when.strip()
        parts += [
            f"## {rule.name}",
            f"**{one.title['en']}** ({one.title['zh_CN']}): {one.reason['en'][0]}",
            f"```sql\n{condition}\n```",
            _three(one.description.example, one.description.reason, one.description.remedy),
        ]
        remarks = _remarks(PROJECT / "config" / "rules" / f"{rule.name}.yml")
        parts += [remarks] if remarks else []
    return _page("Ready rules", parts)


def _three(example: str, reason: str, remedy: str) -> str:
    said = (("Example", example), ("Reason", reason), ("Remedy", remedy))
    return "\n".join(f"- **{name}**: {_line(text)}" for name, text in said)


def _remarks(file: Path) -> str:
    """Return what the comments of a file say."""
    lines = [line[1:] for line in file.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    return _line(" ".join(lines))


def gates() -> dict[str, str]:
    """Every gate with what it checks, and a page for each suite: example, reason, remedy."""
    from forewarn.quality import load_gates
    from forewarn.quality.suites import OF_ENTITY, load_suite

    folder = PROJECT / "expectations"
    parts = [
        "Each gate holds tables to suites of expectations. One that is **critical** stops the run before anything is"
        " published or sent; a **warning** is reported; an **info** is kept. Every batch must also hold a row, and an"
        " expectation that cannot be computed counts as a critical failure. Results: `ops.gate_result`, and the"
        " data docs in the installation's home. How to add one: [add an expectation](../how-to/add-an-expectation.md)."
    ]
    for gate in load_gates(folder).values():
        rows = []
        for check, suites in gate.checks:
            names = [f"[{suite.name}](gates/{suite.name}.md)" for suite in suites]
            if OF_ENTITY in check.suites:
                fed = {suite.name: suite for found in gate.of_entity.values() for suite in found}
                names += [f"[{name}](gates/{name}.md)" for name in fed]
            key = ", ".join(f"`{name}`" for name in check.key)
            rows.append([f"`{check.table}`", ", ".join(names), f"`{check.batch}`", key])
        parts += [f"## {gate.name}", gate.description, _table(["table", "suites", "rows looked at", "key"], rows)]
    found = {"gates.md": _page("Gates", parts)}
    for file in sorted(folder.rglob("*.yml")):
        if file.name != "checkpoints.yml":
            suite = load_suite(file)
            found[f"gates/{suite.name}.md"] = _suite(suite)
    return found


def _suite(suite: Any) -> str:
    counts = {kind: sum(one.severity == kind for one in suite.expectations) for kind in ("critical", "warning", "info")}
    number = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
    parts = [f"{_line(suite.description)} {number}. [All gates](../gates.md)."]
    for one in suite.expectations:
        expected = one.says or f"`{one.type}` " + ", ".join(f"{key} `{value}`" for key, value in one.kwargs.items())
        where = f" Where fed: {', '.join(f'`{name}`' for name in one.when)}." if one.when else ""
        parts += [
            f"## {one.name}",
            f"**{one.severity}**, for {one.owner}. {expected.rstrip('.')}.{where}",
            _three(one.example, one.reason, one.remedy),
        ]
    return _page(f"Suite {suite.name}", parts)


def tables() -> str:
    """Tables by schema: what Forewarn writes itself, and dbt's models."""
    migrations = sorted((PROJECT / "plugins/forewarn/warehouse/migrations/versions").glob("*.py"))
    comments: dict[str, str] = {}
    for file in migrations:
        found = re.findall(r"comment on table (\S+) is '((?:[^']|'')*)'", file.read_text(encoding="utf-8"))
        comments |= {name.replace('"', ""): text.replace("''", "'") for name, text in found}
    parts = [
        "## Written by Forewarn itself",
        _table(["table", "one row per, and more"], [[f"`{name}`", text] for name, text in sorted(comments.items())]),
    ]
    for layer in ("marts", "intermediate", "staging"):
        models: list[dict[str, Any]] = []
        for file in sorted((PROJECT / "dbt_project" / "models" / layer).rglob("*.yml")):
            models += _yaml(file).get("models", [])
        parts.append(f"## {layer} (dbt)")
        if layer != "marts":
            rows = [[f"`{layer}.{model['name']}`", _line(model["description"])] for model in models]
            parts.append(_table(["table", "one row per, and more"], rows))
            continue
        for model in models:
            parts += [f"### {layer}.{model['name']}", _line(model["description"])]
            parts += [
                f"Version {version['v']} is `{layer}.{model['name']}_v{version['v']}`, in bi `{model['name']}`."
                f" {_line(version['description'])}"
                for version in model.get("versions", [])
                if "deprecation_date" in version
            ]
            columns = model.get("columns", [])
            parts.append(
                _table(["column", "meaning"], [[f"`{c['name']}`", _line(c.get("description", ""))] for c in columns])
            )
    return _page("Tables", parts)


def commands() -> str:
    """Every command with its options."""
    from forewarn.cli import app

    root = typer.main.get_command(app)
    parts = [f"`forewarn [OPTIONS] COMMAND`. {_line(root.help or '')}", _options(root)]
    for name, command in sorted(_leaves(root, "forewarn")):
        arguments = [p for p in command.params if p.param_type_name == "argument"]
        usage = " ".join([name, *(f"{p.name.upper()}" if p.required else f"[{p.name.upper()}]" for p in arguments)])
        parts += [f"## {usage}", _line(command.help or ""), _options(command)]
    return _page("Command line", [part for part in parts if part])


def _leaves(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    for child_name, child in getattr(command, "commands", {}).items():
        if hasattr(child, "commands"):
            yield from _leaves(child, f"{name} {child_name}")
        else:
            yield f"{name} {child_name}", child


def _options(command: Any) -> str:
    options = [p for p in command.params if p.param_type_name == "option" and p.name != "help"]
    rows = [["`" + "`, `".join([*p.opts, *p.secondary_opts]) + "`", _line(p.help or "")] for p in options]
    return _table(["option", "meaning"], rows) if rows else ""


def _line(text: str) -> str:
    return " ".join(text.split())


def _table(head: list[str], rows: list[list[str]]) -> str:
    def cells(row: list[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |"

    return "\n".join([cells(head), "|" + "---|" * len(head), *(cells(row) for row in rows)])


def _page(title: str, parts: list[str]) -> str:
    return "\n\n".join([f"# {title}", NOTE, *parts]) + "\n"


def _yaml(file: Path) -> Any:
    return YAML(typ="safe").load(file.read_text(encoding="utf-8"))


def main(arguments: list[str]) -> None:
    """Write the pages, or with `--check` only compare them."""
    stale = []
    written = pages()
    for name, text in written.items():
        file = REFERENCE / name
        if file.is_file() and file.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if "--check" not in arguments:
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
    for gone in sorted(set(REFERENCE.glob("gates/*.md")) - {REFERENCE / name for name in written}):
        stale.append(gone.relative_to(REFERENCE).as_posix())
        if "--check" not in arguments:
            gone.unlink()
    if stale and "--check" in arguments:
        raise SystemExit(f"not current: {', '.join(stale)}; run `python docs/generate.py`")


if __name__ == "__main__":
    main(sys.argv[1:])
