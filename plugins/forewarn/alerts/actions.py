"""What playbooks and rules may have done in other systems: a task in the CRM, a run of a DAG, a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from forewarn.alerts.channel import Message
from forewarn.alerts.content import ActionContent
from forewarn.config.project import Channel, Project
from forewarn.config.yaml import Document, did_you_mean

# What stands in braces of a template.
KNOWN = frozenset({"external_id", "owner_email", "owner_name", *ActionContent.values_of()})


class CrmTask(BaseModel):
    """A task in a CRM by REST, under an external id that stays the same.

    Attributes
    ----------
    connection
        Whose URL the paths are added to; what stands after `#` in it is `{secret}` in `headers`, and nowhere else.
    method, path
        How a task is written. PUT and PATCH write the same task again when its due day moves.
    ask
        Path that tells by external id whether the task is there: asked before anything is repeated.
    id_at
        Where the CRM's own number stands in an answer, for example `data.id` or `items.0.id`.
    headers, body
        What is sent, with `{…}` filled; a text that is nothing but one name keeps its type.
    may_reach_private
        Allow an address within one's own network.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["crm_task"]
    connection: str
    method: Literal["PUT", "PATCH", "POST"] = "PUT"
    path: str
    ask: str | None = None
    id_at: str = "id"
    headers: dict[str, str] = Field(default_factory=dict)
    body: dict[str, Any]
    may_reach_private: bool = False

    @model_validator(mode="after")
    def _can_be_repeated(self) -> Self:
        if self.method == "POST" and self.ask is None:
            raise ValueError("with POST a repeat would be a second task: add `ask`, a path with {external_id}")
        if self.method != "POST" and "{external_id}" not in self.path:
            raise ValueError(f"with {self.method} the path names the task: put {{external_id}} into it")
        if self.ask is not None and "{external_id}" not in self.ask:
            raise ValueError("`ask` names the task: put {external_id} into it")
        return self


class AirflowDag(BaseModel):
    """A run of a DAG over Airflow's REST API, under a run id that stays the same.

    Attributes
    ----------
    connection
        `https://user:password@host` of Airflow's API server.
    dag
        The DAG's id.
    conf
        The run's configuration, with `{…}` filled.
    may_reach_private
        Allow an address within one's own network.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["airflow_dag"]
    connection: str = "airflow_api"
    dag: str = Field(pattern=r"^[a-zA-Z0-9_.-]+$", max_length=250)
    conf: dict[str, Any] = Field(default_factory=dict)
    may_reach_private: bool = False


class Report(BaseModel):
    """A page and a table of a case, or of a day's cases, in a folder.

    Attributes
    ----------
    folder
        Relative to the installation's home.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["report"]
    folder: Path = Path("reports")


Action = Annotated[CrmTask | AirflowDag | Report, Field(discriminator="kind")]


class Actions(BaseModel):
    """The content of `actions.yml`; without the file there are none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    actions: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")], Action]


def load_actions(project: Project) -> dict[str, CrmTask | AirflowDag | Report]:
    """Read `actions.yml` beside the playbooks.

    Raises
    ------
    ConfigError
        With file, line, column and a hint; also when an action is called as a channel is, or a name in braces is
        unknown.
    """
    file = project.path(project.playbooks).with_name("actions.yml")
    if not file.is_file():
        return {}
    document = Document(file)
    actions = document.read(Actions).actions
    for name, action in actions.items():
        if name in get_args(Channel):
            raise document.error(["actions", name], f"`{name}` is a channel", "call the action otherwise")
        if isinstance(action, CrmTask):
            for key in ("path", "ask", "headers", "body"):
                more = {"secret"} if key == "headers" else set()
                _check(document, ["actions", name, key], getattr(action, key), KNOWN | more)
        elif isinstance(action, AirflowDag):
            _check(document, ["actions", name, "conf"], action.conf, KNOWN)
    return actions


def filled(template: Any, values: Mapping[str, Any]) -> Any:
    """Return a template with its texts filled; one that is nothing but one name becomes that value itself."""
    if isinstance(template, Mapping):
        return {key: filled(one, values) for key, one in template.items()}
    if isinstance(template, list):
        return [filled(one, values) for one in template]
    if not isinstance(template, str):
        return template
    if template[:1] == "{" and template[-1:] == "}" and template[1:-1] in values:
        return values[template[1:-1]]
    return template.format(**{name: "" if value is None else value for name, value in values.items()})


def values_of(message: Message) -> dict[str, Any]:
    """Return what the templates of an action may name; whoever gets the message is the owner."""
    if not isinstance(message.content, ActionContent):
        raise TypeError(f"no action: {type(message.content).__name__}")
    return message.content.values() | {"owner_email": message.recipient, "owner_name": message.content.reader_name}


def demand_known(
    document: Document, path: Sequence[str | int], names: Sequence[str], actions: Mapping[str, object]
) -> None:
    """Refuse the name of an action that there is not, at its place."""
    for place, name in enumerate(names):
        if name not in actions:
            hint = did_you_mean(name, sorted(actions)) if actions else "declare it in actions.yml"
            raise document.error([*path, place], f"unknown action `{name}`", hint)


def _check(document: Document, path: Sequence[str | int], template: Any, known: frozenset[str]) -> None:
    if isinstance(template, Mapping):
        for key, one in template.items():
            _check(document, [*path, key], one, known)
    elif isinstance(template, list):
        for place, one in enumerate(template):
            _check(document, [*path, place], one, known)
    elif isinstance(template, str):
        try:
            template.format(**dict.fromkeys(known, ""))
        except KeyError as error:
            name = str(error.args[0])
            raise document.error(path, f"unknown `{name}`", did_you_mean(name, sorted(known))) from error
        except (IndexError, ValueError, AttributeError) as error:
            raise document.error(path, f"not a template: {error}", "write {{ and }} for braces") from error
