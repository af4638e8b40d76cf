"""The warehouse's own tables."""

from forewarn.warehouse.migrate import migrate, versions


def test_migrating_twice_changes_nothing(database_url):
    migrate(database_url)
    migrate(database_url)
    current, newest = versions(database_url)
    assert current == newest == "0001"
