"""No Docker engine runs here: so whatever docker-compose.yml names must be shown to exist.

Airflow's and MLflow's own lists are asked in a process of their own, since they read the environment at import.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

PROJECT = Path(__file__).resolve().parents[2]
COMPOSE = PROJECT / "docker-compose.yml"
PAGE = PROJECT / "docs/how-to/run-with-compose.md"
DOCKER = PROJECT / "docker"
FOREIGN = {"postgres", "redis", "mail", "superset"}
SERVICES = FOREIGN | {
    "init",
    "api-server",
    "scheduler",
    "dag-processor",
    "triggerer",
    "worker",
    "mlflow",
    "reader-watch",
    "workbench",
    "superset-login",
}

ASK = """
import json, sys
from airflow.configuration import conf
from airflow.cli.cli_parser import ALL_COMMANDS_DICT
from airflow.cli.cli_config import ActionCommand, GroupCommand
from airflow.providers_manager import ProvidersManager
ProvidersManager().initialize_providers_configuration()
def names(command, path=()):
    if isinstance(command, GroupCommand):
        for sub in command.subcommands:
            yield from names(sub, (*path, command.name))
    else:
        flags = [flag for arg in command.args for flag in arg.flags]
        yield " ".join((*path, command.name)), flags
from airflow.cli.cli_parser import get_parser
get_parser()
commands = dict(pair for command in ALL_COMMANDS_DICT.values() for pair in names(command))
options = {section: list(found["options"]) for section, found in conf.configuration_description.items()}
import mlflow.environment_variables as variables
from mlflow.cli import server
known = [name for name in dir(variables) if name.startswith("MLFLOW_")]
print(json.dumps({
    "commands": commands, "options": options, "mlflow": known + [p.envvar for p in server.params if p.envvar],
    "mlflow_flags": [flag for p in server.params for flag in p.opts],
}))
"""


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load(COMPOSE)
    assert set(found["services"]) == SERVICES
    return found


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = tmp_path_factory.mktemp("airflow")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ASK],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ
        | {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/none.db",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__AUTH_MANAGER": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        },
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _own(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: service for name, service in compose["services"].items() if name not in FOREIGN}


def _scripts() -> str:
    return "\n".join(
        (DOCKER / name).read_text(encoding="utf-8")
        for name in ("with-secrets", "with-web-secrets", "init", "start-superset")
    )


def _variables(compose: dict[str, Any]) -> set[str]:
    named = {name for service in compose["services"].values() for name in service.get("environment", {})}
    return named | set(re.findall(r"^([A-Z_]{6,})=", _scripts(), re.MULTILINE))


def test_the_file_follows_the_compose_specification() -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "check_jsonschema"),
            *("--builtin-schema", "vendor.compose-spec", str(COMPOSE)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def _config(file: Path) -> subprocess.CompletedProcess[str]:
    """Return what `docker-compose config` makes of a file: it reads and resolves it, and needs no engine."""
    program = shutil.which("docker-compose")
    if not program:
        pytest.skip("docker-compose is not installed (Debian's package, or any later Compose under that name)")
    command = [program, "-f", str(file), "--profile", "superset", "config"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_compose_itself_reads_the_file(compose: dict[str, Any], tmp_path: Path) -> None:
    done = _config(COMPOSE)
    assert done.returncode == 0, done.stderr
    resolved = YAML(typ="safe").load(done.stdout)
    assert set(resolved["services"]) == SERVICES
    assert {one["file"] for one in resolved["secrets"].values()} == {
        str(PROJECT / one["file"]) for one in compose["secrets"].values()
    }
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text(COMPOSE.read_text(encoding="utf-8").replace("depends_on:", "depend_on:"), encoding="utf-8")
    refused = _config(wrong)
    assert refused.returncode != 0
    assert "depend_on" in refused.stderr


def test_the_two_things_that_compose_1_29_is_known_to_refuse_are_not_used(compose: dict[str, Any]) -> None:
    assert "name" not in compose
    assert compose["version"] == "3.8"


def test_every_airflow_command_exists_with_its_options(compose: dict[str, Any], known: dict[str, Any]) -> None:
    lines = [service["command"] for service in _own(compose).values() if service["command"][0] == "airflow"]
    lines += [line.split() for line in re.findall(r"^(airflow .*?)\\?$", _scripts(), re.MULTILINE)]
    lines += [
        re.split(r"\s+", match)
        for service in _own(compose).values()
        for match in re.findall(r"(airflow jobs .*)$", str(service.get("healthcheck", {}).get("test", [""])[-1]))
    ]
    assert len(lines) >= 10
    for _, *words in lines:
        path = next(
            (" ".join(words[:length]) for length in (2, 1) if " ".join(words[:length]) in known["commands"]), None
        )
        assert path is not None, f"airflow {' '.join(words)} does not exist"
        for flag in (word for word in words if word.startswith("--")):
            assert flag in known["commands"][path], f"airflow {path} has no {flag}"


def test_every_mlflow_option_exists(compose: dict[str, Any], known: dict[str, Any]) -> None:
    program, subcommand, *options = compose["services"]["mlflow"]["command"]
    assert (program, subcommand) == ("mlflow", "server")
    assert {option.split("=")[0] for option in options} <= set(known["mlflow_flags"])


def test_every_airflow_setting_exists(compose: dict[str, Any], known: dict[str, Any]) -> None:
    settings = sorted(name for name in _variables(compose) if name.startswith("AIRFLOW__"))
    assert len(settings) >= 15
    for name in settings:
        _, section, key = name.split("__")
        assert key.lower() in known["options"].get(section.lower(), []), f"Airflow has no {name}"


def test_every_mlflow_variable_exists(compose: dict[str, Any], known: dict[str, Any]) -> None:
    # Read by the basic-auth app alone, which keeps no list.
    auth = (Path(importlib.import_module("mlflow.server.auth.config").__file__ or "")).parent
    text = "".join(file.read_text(encoding="utf-8") for file in auth.glob("*.py"))
    settings = {name for name in _variables(compose) if name.startswith("MLFLOW_")}
    assert len(settings) >= 7
    assert {name for name in settings if name not in known["mlflow"] and name not in text} == set()


def test_every_variable_of_ours_is_read_somewhere(compose: dict[str, Any]) -> None:
    text = "\n".join(
        file.read_text(encoding="utf-8") for part in ("plugins", "bi") for file in (PROJECT / part).rglob("*.py")
    )
    settings = (PROJECT / "plugins/forewarn/config/settings.py").read_text(encoding="utf-8")
    ours = {name for name in _variables(compose) if name.startswith("FOREWARN_")}
    assert len(ours) >= 5
    for name in ours:
        short = name.removeprefix("FOREWARN_")
        assert name in text or f'"{short}"' in settings or short.startswith("CONN_"), f"nothing reads {name}"


def test_every_path_exists_and_is_in_the_image(compose: dict[str, Any]) -> None:
    recipe = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
    copied = {target for line in re.findall(r"^COPY (.*)$", recipe, re.MULTILINE) for target in line.split()[:-1]}
    assert {path for path in copied if not (PROJECT / path).exists()} == set()
    named = {
        match
        for text in (COMPOSE.read_text(encoding="utf-8"), _scripts(), recipe)
        for match in re.findall(r"/opt/forewarn/([\w./-]+)", text)
        if not match.startswith(".venv")
    }
    assert named
    for path in named:
        assert (PROJECT / path).exists(), path
        assert path.split("/")[0] in copied, f"{path} is not copied into the image"


def test_scripts_of_ours_exist_and_can_be_run(compose: dict[str, Any]) -> None:
    text = COMPOSE.read_text(encoding="utf-8") + _scripts()
    scripts = set(re.findall(r"(?<![\w/.])docker/([\w-]+)(?!/)(?=[\s\],'])", text)) - {"Dockerfile", "secrets"}
    assert {"init", "with-secrets"} <= scripts
    for name in scripts:
        assert os.access(DOCKER / name, os.X_OK), name
    assert compose["x-forewarn"]["build"]["dockerfile"] == "docker/Dockerfile"


def test_modules_that_are_named_can_be_imported() -> None:
    text = COMPOSE.read_text(encoding="utf-8")
    assert "airflow.providers.celery.executors.celery_executor.app" in text
    for module in (
        "airflow.providers.celery.executors.celery_executor",
        "airflow.providers.fab.auth_manager.fab_auth_manager",
        "forewarn.__main__",
        "mlflow.server.auth",
    ):
        assert importlib.util.find_spec(module) is not None, module


def test_a_host_in_an_address_is_a_service_and_listens_on_that_port(compose: dict[str, Any]) -> None:
    ports = {"postgres": 5432, "redis": 6379, "mail": 1025, "api-server": 8080, "mlflow": 5000}
    text = COMPOSE.read_text(encoding="utf-8") + _scripts()
    addresses = set(re.findall(r"(?:://|@)(?:\S*@)?([a-z][a-z-]+):(\d+)", text))
    assert addresses == {(name, str(port)) for name, port in ports.items()}
    assert set(ports) <= set(compose["services"])


def test_published_ports_are_on_loopback_and_listened_to(compose: dict[str, Any]) -> None:
    published = {
        name: [tuple(port.rsplit(":", 2)) for port in service["ports"]]
        for name, service in compose["services"].items()
        if "ports" in service
    }
    assert {host for ports in published.values() for host, _, _ in ports} == {"127.0.0.1"}
    inside = {name: {port for _, _, port in ports} for name, ports in published.items()}
    assert inside == {
        "api-server": {"8080"},
        "mlflow": {"5000"},
        "mail": {"8025"},
        "workbench": {"8090"},
        "superset": {"8088"},
    }
    assert "8080" in compose["services"]["api-server"]["command"]
    assert "--port=5000" in compose["services"]["mlflow"]["command"]


def test_every_service_tells_its_health(compose: dict[str, Any]) -> None:
    unhealthy = {name for name, service in compose["services"].items() if "healthcheck" not in service}
    assert unhealthy == {"init", "superset-login"}, "these two end; everything else must say how it is"


def test_nobody_is_root(compose: dict[str, Any]) -> None:
    assert {name: compose["services"][name].get("user") for name in FOREIGN} == {
        "postgres": "postgres",
        "redis": "redis",
        "mail": "65534:65534",
        "superset": "superset",
    }
    for name, user in (("Dockerfile", "forewarn"), ("superset.Dockerfile", "superset")):
        recipe = (DOCKER / name).read_text(encoding="utf-8")
        assert re.findall(r"^USER (\w+)$", recipe, re.MULTILINE) == [user]
        assert recipe.index(f"USER {user}") < recipe.index("ENTRYPOINT")


def test_secrets_come_by_file_and_each_is_made_and_used(compose: dict[str, Any], tmp_path: Path) -> None:
    declared = set(compose["secrets"])
    used = set(re.findall(r"\(secret (\w+)\)|/run/secrets/(\w+)", COMPOSE.read_text(encoding="utf-8") + _scripts()))
    assert {one or other for one, other in used} == declared
    (tmp_path / "make-secrets").write_bytes((DOCKER / "make-secrets").read_bytes())
    for _ in range(2):
        subprocess.run(["bash", str(tmp_path / "make-secrets")], check=True, capture_output=True)
        files = [file for file in (tmp_path / "secrets").iterdir() if file.is_file()]
        made = {file.name: file.read_text(encoding="utf-8").strip() for file in files}
    assert set(made) == declared
    assert all(len(value) >= 43 for value in made.values())
    assert len(set(made.values())) == len(made)
    for name, secret in compose["secrets"].items():
        assert secret == {"file": f"docker/secrets/{name}"}


def test_no_password_stands_in_the_files(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        for variable, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|KEY", variable):
                assert str(value).startswith("/run/secrets/"), f"{name}: {variable}"
    ignored = (PROJECT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert "docker/secrets/" in ignored
    assert "docker/secrets" in (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines()


def test_a_task_that_runs_long_is_not_handed_out_twice(compose: dict[str, Any]) -> None:
    timeout = compose["services"]["worker"]["environment"][
        "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT"
    ]
    assert int(timeout) > 3 * 3600, "longer than the longest execution_timeout of a task"


def test_mlflow_is_not_open_with_its_default_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "auth.ini"
    environment = os.environ | {
        "MLFLOW_BACKEND_STORE_URI": "postgresql+psycopg2://forewarn:secret%40@postgres:5432/mlflow",
        "MLFLOW_AUTH_CONFIG_PATH": str(file),
        "MLFLOW_TRACKING_USERNAME": "admin",
        "MLFLOW_TRACKING_PASSWORD": "a%b",
    }
    subprocess.run([sys.executable, str(DOCKER / "mlflow_auth.py")], check=True, env=environment)
    assert file.stat().st_mode & 0o077 == 0
    monkeypatch.setenv("MLFLOW_AUTH_CONFIG_PATH", str(file))
    from mlflow.server.auth.config import read_auth_config

    config = read_auth_config()
    assert config.admin_password == "a%b"
    assert config.default_permission == "NO_PERMISSIONS"
    assert config.database_uri == "postgresql+psycopg2://forewarn:secret%40@postgres:5432/mlflow_auth"


def _with_secrets(folder: Path, *command: str, **environment: str) -> str:
    """Run `with-secrets` on a machine whose /run and /opt/forewarn are folders of this test."""
    subprocess.run(["bash", str(_copy(folder, "make-secrets"))], check=True, capture_output=True)
    script = _copy(folder, "with-secrets")
    text = script.read_text(encoding="utf-8").replace("/run/connections", f"{folder}/secrets/connections")
    script.write_text(text.replace("/run/secrets", f"{folder}/secrets").replace("/opt/forewarn", str(folder)))
    done = subprocess.run(
        ["bash", str(script), *command], check=True, capture_output=True, text=True, env=os.environ | environment
    )
    return done.stdout


def _copy(folder: Path, name: str) -> Path:
    (folder / name).write_bytes((DOCKER / name).read_bytes())
    return folder / name


def test_a_file_names_a_connection_to_every_service(compose: dict[str, Any], tmp_path: Path) -> None:
    with_connections = {
        name
        for name, service in _own(compose).items()
        if "./docker/secrets/connections:/run/connections:ro" in service["volumes"]
    }
    assert with_connections == SERVICES - FOREIGN - {"workbench"}
    assert "FOREWARN_CONN" not in _with_secrets(tmp_path, "env")
    for name in ("demo_crm", "smtp"):
        (tmp_path / "secrets/connections" / name).write_text(f"https://{name}.example/\n")
    ask = (
        "from pathlib import Path; from forewarn.config.settings import Settings; from forewarn.sources import resolve;"
        " here = Settings(Path(), Path(), Path(), '', ''); print(*(resolve(n, here) for n in ('demo_crm', 'smtp')))"
    )
    # What the stack itself names is its mail catcher: your own mail server's file is taken in its place.
    said = _with_secrets(
        tmp_path,
        *(sys.executable, "-c", ask),
        FOREWARN_CONN_SMTP="smtp://mail:1025",
        PYTHONPATH=str(PROJECT / "plugins"),
    )
    assert said.split() == ["https://demo_crm.example/", "https://smtp.example/"]


def test_the_page_names_every_connection_that_the_configuration_uses() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for file in (PROJECT / "config/sources").glob("*.yml"):
        name = YAML(typ="safe").load(file)["connection"]
        assert f"`{name}`" in page, f"{file.name}: {name}"


def test_commands_of_the_page_name_services_and_paths_that_exist(compose: dict[str, Any]) -> None:
    page = PAGE.read_text(encoding="utf-8")
    commands = re.findall(r"^docker-compose exec (\S+) /opt/forewarn/(\S+) (.+)$", page, re.MULTILINE)
    assert "python -m forewarn doctor" in {command for _, _, command in commands}
    for service, path, command in commands:
        assert service in _own(compose)
        assert os.access(PROJECT / path, os.X_OK)
        assert command.startswith("python -m forewarn ")
    for name in re.findall(r"^docker-compose (?:logs|restart) (.+)$", page, re.MULTILINE):
        assert set(name.split()) <= SERVICES


def test_the_mail_catcher_gets_what_the_page_says(compose: dict[str, Any], tmp_path: Path) -> None:
    from forewarn.config.project import load_project

    page = PAGE.read_text(encoding="utf-8")
    alerts = next(text for text in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if text.startswith("alerts:"))
    shipped = (PROJECT / "config/forewarn.yml").read_text(encoding="utf-8")
    (tmp_path / "forewarn.yml").write_text(shipped[: shipped.index("alerts:")] + alerts, encoding="utf-8")
    read = load_project(tmp_path).alerts
    assert "email" in read.channels
    connection = f"FOREWARN_CONN_{read.smtp_connection.upper()}"
    assert compose["x-forewarn"]["environment"][connection] == "smtp://mail:1025"
    assert "http://127.0.0.1:8025" in page


def test_the_workbench_is_told_its_own_login_and_nothing_else(compose: dict[str, Any]) -> None:
    from forewarn.cli.workbench import PORT
    from forewarn.config.project import load_project
    from forewarn.local.databases import WEB

    service = compose["services"]["workbench"]
    assert set(service["secrets"]) == {"link_keys", "web_password"}
    assert service["volumes"] == ["./config:/opt/forewarn/config:ro"]
    assert service["command"] == ["python", "-m", "forewarn", "workbench", "--host", "0.0.0.0"]
    published = service["ports"][0].rsplit(":", 1)[0]
    assert load_project(PROJECT / "config").alerts.workbench_url == f"http://{published}"
    assert published.endswith(f":{PORT}")
    scripts = _scripts()
    assert f"//{WEB}:" in scripts
    assert f"access service {WEB} --role web" in scripts


def test_superset_is_built_apart_comes_when_asked_for_and_reads_schema_bi(compose: dict[str, Any]) -> None:
    service, login = compose["services"]["superset"], compose["services"]["superset-login"]
    assert service["profiles"] == login["profiles"] == ["superset"]
    assert {name for name, one in compose["services"].items() if "profiles" in one} == {"superset", "superset-login"}
    assert login["command"] == [
        *("python", "-m", "forewarn", "access", "grant", "superset", "--every-customer"),
        "--password-file=/run/secrets/superset_password",
    ]
    # Beside secrets of its own it knows the password of that login, and none that could write.
    assert set(service["secrets"]) == {"superset_password", "superset_key", "superset_admin_password"}
    recipe = (PROJECT / service["build"]["dockerfile"]).read_text(encoding="utf-8")
    copied = [words.split()[:-1] for words in re.findall(r"^COPY (.*)$", recipe, re.MULTILINE)]
    assert all((PROJECT / path).exists() for paths in copied for path in paths)
    start = (DOCKER / "start-superset").read_text(encoding="utf-8")
    assert "//superset:$(secret superset_password)@postgres:5432/forewarn" in start
    for script in ("docker/start-superset", "bi/superset/start"):
        assert os.access(PROJECT / script, os.X_OK), script
