"""An installation of a test's own, with a server of its own, and the first half of a day in it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from forewarn import stages
from forewarn.config.settings import Settings
from forewarn.warehouse.embedded import EmbeddedServer
from forewarn.warehouse.migrate import migrate

PROJECT = Path(__file__).resolve().parents[2]


@contextmanager
def installation(config: Path) -> Iterator[tuple[Settings, EmbeddedServer]]:
    """Start a server with a migrated warehouse and an empty home; all of it is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="fw-") as folder:
        home = Path(folder) / "home"
        home.mkdir()
        server = EmbeddedServer(Path(folder) / "pg", durable=False)
        server.start()
        try:
            settings = Settings(
                project=PROJECT,
                config=config,
                home=home,
                warehouse_url=server.ensure_database("forewarn"),
                mlflow_url=server.ensure_database("mlflow"),
            )
            migrate(settings.warehouse_url)
            yield settings, server
        finally:
            server.stop()


def land(settings: Settings, run: stages.Run) -> None:
    """Extract every configured stream."""
    for stream in stages.streams(settings):
        stages.extract(settings, run, **stream)
