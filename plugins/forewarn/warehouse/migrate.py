"""Bring the warehouse's own tables to the newest version (alembic)."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from forewarn.warehouse.engine import engine

FOLDER = Path(__file__).parent / "migrations"


def migrate(warehouse_url: str, *, to: str = "head") -> None:
    """Apply every migration that the warehouse lacks, up to a version; loader and transformer own what is theirs."""
    with engine(warehouse_url).begin() as connection:
        # One migration at a time, whoever else starts.
        connection.execute(text("select pg_advisory_xact_lock(hashtext('forewarn.migrate'))"))
        connection.execute(text("create schema if not exists ops"))
        config = Config()
        config.set_main_option("script_location", str(FOLDER))
        config.attributes["connection"] = connection
        command.upgrade(config, to)
        if to == "head":
            # What the owner made since by hand, or brought back from a copy, is theirs again.
            connection.execute(text("select ops.hand_over()"))


def versions(warehouse_url: str) -> tuple[str | None, str | None]:
    """Return the warehouse's version and the newest one known to this code."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    with engine(warehouse_url).connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": "schema_version", "version_table_schema": "ops"}
        )
        return context.get_current_revision(), ScriptDirectory.from_config(config).get_current_head()
