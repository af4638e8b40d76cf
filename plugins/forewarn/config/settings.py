"""Where this installation keeps things and how it reaches its databases; built once at the edge and passed in."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import make_url

from forewarn.errors import ForewarnError

# Roles that own what they make (decision 0056).
OWNERS = ("loader", "transformer")


@dataclass(frozen=True)
class Settings:
    """One installation.

    Attributes
    ----------
    project : Path
        The checkout: `dags`, `dbt_project`, `expectations`.
    config : Path
        The folder of `forewarn.yml`.
    home : Path
        State of this machine: the embedded PostgreSQL, artefacts, the file outbox. Never under version control.
    warehouse_url : str
        SQLAlchemy URL of the warehouse, `postgresql+psycopg2://…`.
    mlflow_url : str
        Tracking store: a database URL or the address of an MLflow server.
    loader_url, transformer_url, scorer_url, dispatcher_url, web_url : str
        The warehouse as the stages that land, those that build, those that score, those that open cases and send, and
        the workbench reach it: logins with fewer rights (decisions 0020, 0056). Empty: as `warehouse_url`.
    """

    project: Path
    config: Path
    home: Path
    warehouse_url: str
    mlflow_url: str
    loader_url: str = ""
    transformer_url: str = ""
    scorer_url: str = ""
    dispatcher_url: str = ""
    web_url: str = ""

    @classmethod
    def from_environment(cls, environment: dict[str, str] | None = None) -> Settings:
        """Read `FOREWARN_PROJECT`, `_CONFIG`, `_HOME`, `_WAREHOUSE_URL`, `_MLFLOW_URL`.

        Also `_LOADER_URL`, `_TRANSFORMER_URL`, `_SCORER_URL`, `_DISPATCHER_URL` and `_WEB_URL`. A `*_FILE` variable
        names a file that holds the value, for secrets.

        Raises
        ------
        ForewarnError
            No warehouse is named, neither by the environment nor by a started embedded server under `home`.
        """
        env = dict(os.environ) if environment is None else environment
        project = Path(_value(env, "PROJECT") or Path(__file__).resolve().parents[3])
        home = Path(_value(env, "HOME") or project / ".forewarn" / "simulated").resolve()
        config = Path(_value(env, "CONFIG") or project / "config").resolve()
        warehouse = _value(env, "WAREHOUSE_URL") or _remembered(home, "warehouse_url")
        if not warehouse:
            raise ForewarnError(
                "warehouse",
                expected="FOREWARN_WAREHOUSE_URL, or an embedded server started under FOREWARN_HOME",
                got=f"neither (home is {home})",
                next_step="run `make demo`, or `forewarn up --database-only` for a configuration of your own,"
                " or set FOREWARN_WAREHOUSE_URL=postgresql+psycopg2://user:password@host/database",
            )
        mlflow = _value(env, "MLFLOW_URL") or _remembered(home, "mlflow_url") or f"sqlite:///{home / 'mlflow.db'}"
        return cls(
            project=project,
            config=config,
            home=home,
            warehouse_url=warehouse,
            mlflow_url=mlflow,
            loader_url=_value(env, "LOADER_URL"),
            transformer_url=_value(env, "TRANSFORMER_URL"),
            scorer_url=_value(env, "SCORER_URL"),
            dispatcher_url=_value(env, "DISPATCHER_URL"),
            web_url=_value(env, "WEB_URL"),
        )

    def as_service(self, role: str) -> Settings:
        """Return the installation as those who run under a role see it: with that role's login where it has one.

        Loader and transformer act as the role whoever has logged in, so that it owns what they make.
        """
        own: str = getattr(self, f"{role}_url")
        url = own or self.warehouse_url
        return replace(self, warehouse_url=_acting_as(url, role) if role in OWNERS else url)

    @property
    def artifacts(self) -> Path:
        """Folder of MLflow's artefacts."""
        return self.home / "mlflow-artifacts"

    @property
    def data_docs(self) -> Path:
        """Folder of the static HTML that the gates write."""
        return self.home / "data-docs"

    @property
    def outbox(self) -> Path:
        """Folder of the file channel: `.eml` files and their `index.html`."""
        return self.home / "outbox"


def _acting_as(url: str, role: str) -> str:
    """Return a URL whose sessions begin in a role; options that it has already stay."""
    address = make_url(url)
    given = address.query.get("options", ())
    options = " ".join([*((given,) if isinstance(given, str) else given), f"-crole={role}"])
    return address.update_query_dict({"options": options}).render_as_string(hide_password=False)


def _value(env: dict[str, str], name: str) -> str:
    if direct := env.get(f"FOREWARN_{name}", ""):
        return direct
    secret = env.get(f"FOREWARN_{name}_FILE", "")
    return Path(secret).read_text(encoding="utf-8").strip() if secret else ""


def _remembered(home: Path, name: str) -> str:
    file = home / name
    return file.read_text(encoding="utf-8").strip() if file.is_file() else ""
