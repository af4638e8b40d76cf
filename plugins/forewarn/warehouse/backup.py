"""A copy of the warehouse and of MLflow's store in a folder, and the way back; by PostgreSQL's own tools.

The manifest has a hash of each table, taken in the snapshot that is dumped. A restore is proved by taking them again.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from psycopg2 import extensions, sql
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ
from sqlalchemy import make_url

from forewarn.config.settings import Settings
from forewarn.errors import Permanent
from forewarn.warehouse.embedded import binary
from forewarn.warehouse.engine import connect
from forewarn.warehouse.migrate import versions

MANIFEST = "manifest.json"
ARTIFACTS = "mlflow-artifacts"
_TABLES = (
    "select schemaname, tablename from pg_tables where schemaname !~ '^pg_' and schemaname <> 'information_schema'"
    " order by 1, 2"
)
# Text of a row depends on these.
_SPELLING = "set timezone = 'UTC'; set datestyle = 'ISO, YMD'; set intervalstyle = 'postgres'; set bytea_output = 'hex'"


def back_up(settings: Settings, folder: Path, *, now: datetime) -> dict[str, str]:
    """Write warehouse, logins, MLflow's store and artefacts, and the configuration; returns table → hash.

    Raises
    ------
    Permanent
        The folder is there and not empty, or PostgreSQL's tools refuse.
    """
    if folder.exists() and any(folder.iterdir()):
        raise Permanent(f"folder {folder}", expected="an empty one", got="files", next_step="name another folder")
    folder.mkdir(parents=True, exist_ok=True)
    with connect(settings.warehouse_url, application="forewarn backup") as connection:
        connection.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ, readonly=True)
        with connection.cursor() as cursor:
            cursor.execute("select pg_export_snapshot()")
            (snapshot,) = cursor.fetchone() or ("",)
            _dump(settings.warehouse_url, folder / "warehouse", "--snapshot", str(snapshot))
            hashes = table_hashes(cursor)
    _tool("pg_dumpall", settings.warehouse_url, "--roles-only", "--no-role-passwords", "--file", folder / "roles.sql")
    if settings.mlflow_url.startswith("postgresql"):
        _dump(settings.mlflow_url, folder / "mlflow")
    if settings.artifacts.is_dir():
        shutil.copytree(settings.artifacts, folder / ARTIFACTS)
    shutil.copytree(settings.config, folder / "config")
    manifest = {"taken_at": now.isoformat(), "schema": versions(settings.warehouse_url)[0], "tables": hashes}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    return hashes


def restore(settings: Settings, folder: Path) -> dict[str, str]:
    """Bring a copy back into a warehouse that has no data yet; returns table → hash. The configuration is left alone.

    Raises
    ------
    Permanent
        The folder is no whole copy, the warehouse has data, or a table is not what it was.
    """
    manifest = _manifest(folder)
    _refuse_used(settings.warehouse_url)
    # Roles that are there already are said to be; that is no failure.
    _tool("psql", settings.warehouse_url, "--quiet", "--file", folder / "roles.sql")
    _bring_back(settings.warehouse_url, folder / "warehouse")
    if (folder / "mlflow").is_dir():
        _bring_back(settings.mlflow_url, folder / "mlflow")
    if (folder / ARTIFACTS).is_dir():
        shutil.copytree(folder / ARTIFACTS, settings.artifacts, dirs_exist_ok=True)
    with connect(settings.warehouse_url, application="forewarn restore") as connection, connection.cursor() as cursor:
        hashes = table_hashes(cursor)
    if differ := sorted(name for name in {*hashes, *manifest} if hashes.get(name) != manifest.get(name)):
        raise Permanent(
            f"restore of {folder}",
            expected="every table as it was",
            got=f"others: {', '.join(differ)}",
            next_step="restore into an empty database; if it stays so, the copy is damaged: take an older one",
        )
    return hashes


def table_hashes(cursor: extensions.cursor) -> dict[str, str]:
    """Return table → rows and a hash of them that does not depend on their order, for every table of the database."""
    cursor.execute(_SPELLING)
    cursor.execute(_TABLES)
    hashes = {}
    for schema, table in cursor.fetchall():
        cursor.execute(
            sql.SQL("select count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) from {} as t").format(
                sql.Identifier(schema, table)
            )
        )
        rows, total = cursor.fetchone() or (0, 0)
        hashes[f"{schema}.{table}"] = f"{rows} {total}"
    return hashes


def _manifest(folder: Path) -> dict[str, str]:
    try:
        return dict(json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["tables"])
    except (OSError, ValueError, KeyError) as error:
        raise Permanent(
            f"folder {folder}",
            expected=f"a copy that `forewarn backup` finished, with {MANIFEST}",
            got=str(error),
            next_step="name the folder of a whole copy",
        ) from error


def _refuse_used(url: str) -> None:
    with connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("select to_regclass('ops.batch') is not null")
        used = bool((cursor.fetchone() or [False])[0])
        if used:
            cursor.execute("select exists (select from ops.batch)")
            used = bool((cursor.fetchone() or [False])[0])
    if used:
        raise Permanent(
            "warehouse",
            expected="a database without data",
            got="rows that have landed",
            next_step="create a database and name it in FOREWARN_WAREHOUSE_URL",
        )


def _dump(url: str, target: Path, *options: str) -> None:
    _tool("pg_dump", url, "--format=directory", "--jobs=2", "--file", target, *options)


def _bring_back(url: str, copy: Path) -> None:
    _tool("pg_restore", url, "--clean", "--if-exists", "--no-owner", "--exit-on-error", "--jobs=2", copy)


def _tool(name: str, url: str, *options: str | Path) -> None:
    """Run one of PostgreSQL's programs; the password goes by the environment, where other users do not see it."""
    address = make_url(url)
    plain = address._replace(drivername="postgresql", password=None).render_as_string()
    command: Sequence[str | Path] = [binary(name), "--dbname", plain, *options]
    done = subprocess.run(  # noqa: S603 - our own commands
        command, env={"PGPASSWORD": str(address.password or "")}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Permanent(
            f"{name} of {address.database}",
            expected="success",
            got=done.stderr.strip()[-500:],
            next_step="a server newer than this installation's tools needs its own; mend what it says, and repeat",
        )
