"""The warehouse's own tables."""

import inspect
from pathlib import Path

from forewarn.warehouse.migrate import migrate, versions


def test_migrating_twice_changes_nothing(database_url):
    migrate(database_url)
    migrate(database_url)
    current, newest = versions(database_url)
    files = sorted((Path(inspect.getfile(migrate)).parent / "migrations").glob("versions/[0-9]*.py"))
    assert current == newest == files[-1].stem.partition("_")[0]
