"""What is said of a database that cannot be asked."""

from __future__ import annotations

import pytest

from forewarn.errors import SourceRejected
from forewarn.sources.sql_tables import connected


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("snowflake://reader:s3cr3t@host/db", "uv pip install snowflake-sqlalchemy beside forewarn, and begin the URL"),
        (
            "mysql+pymysql://reader:s3cr3t@host/db",
            "uv pip install pymysql beside forewarn, and begin the URL with mysql",
        ),
        ("nosuch://reader:s3cr3t@host/db", "correct the URL, or install the database's driver"),
    ],
)
def test_a_driver_that_is_missing_is_named_with_how_to_install_it_and_without_the_password(url: str, said: str) -> None:
    expected = "expected a SQLAlchemy URL of an installed driver"
    with pytest.raises(SourceRejected, match=expected) as caught, connected(url, "shop"):
        pass
    assert said in str(caught.value)
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize("url", ["mysql+pymysql://reader:s3cr3t@host:abc/db", "db"])
def test_a_url_that_cannot_be_read_is_to_be_corrected_and_nothing_of_it_is_shown(url: str) -> None:
    with (
        pytest.raises(SourceRejected, match=r"got one that cannot be read\. Next: correct its port") as caught,
        connected(url, "shop"),
    ):
        pass
    assert "s3cr3t" not in str(caught.value)
