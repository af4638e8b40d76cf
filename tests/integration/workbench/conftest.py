"""One published company and its workbench for all tests of the pages."""

from collections.abc import Iterator

import pytest
from answering import installation
from desk_company import Office, office

from forewarn.warehouse.embedded import EmbeddedServer


@pytest.fixture(scope="package")
def company(postgres: EmbeddedServer, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """The company; a test that writes works on a customer of its own."""
    owner = installation(postgres.ensure_database("workbench", template=template), tmp_path_factory.mktemp("home"))
    with office(owner, "workbench_login") as found:
        yield found
