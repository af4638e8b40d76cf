"""The generated pages say what the code says, and every page is reachable and its links lead somewhere."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

PROJECT = Path(__file__).resolve().parents[3]
DOCS = PROJECT / "docs"
PAGES = sorted(
    file for file in [*DOCS.rglob("*.md"), PROJECT / "CONTRIBUTING.md", PROJECT / "CHANGELOG.md", PROJECT / "README.md"]
)


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_docs", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_generated_pages_are_current(generator: ModuleType) -> None:
    stale = [
        name for name, text in generator.pages().items() if (generator.REFERENCE / name).read_text("utf-8") != text
    ]
    assert stale == [], "run `python docs/generate.py` and commit what it writes"


def test_every_key_of_the_configuration_is_explained(generator: ModuleType) -> None:
    rows = re.findall(r"^\| `\w+` \|.*\|$", generator.configuration(), re.MULTILINE)
    assert len(rows) > 80
    assert [row for row in rows if re.search(r"\|\s*\|$", row)] == [], "explain them in the model or docs/meanings.yml"


def test_marks_are_found_on_functions_classes_and_modules(generator: ModuleType, tmp_path: Path) -> None:
    (PROJECT / "tests" / "unit" / "docs").mkdir(exist_ok=True)
    text = (
        "import pytest\n"
        "pytestmark = [pytest.mark.slow, pytest.mark.capability('C1')]\n"
        "@pytest.mark.capability('C2', 'B3')\n"
        "class TestIt:\n"
        "    def test_inside(self): ...\n"
        "def test_plain(): ...\n"
        "@pytest.mark.capability('C4')\n"
        "async def test_marked(): ...\n"
        "@pytest.mark.capability('C5')\n"
        "def not_a_test(): ...\n"
    )
    generator.PROJECT = tmp_path
    try:
        (tmp_path / "tests").mkdir()
        (tmp_path / "tests" / "test_x.py").write_text(text)
        found = generator._marks(tmp_path / "tests")
    finally:
        generator.PROJECT = PROJECT
    assert {row: [name for _, name in tests] for row, tests in found.items()} == {
        "C1": ["test_inside", "test_plain", "test_marked"],
        "C2": ["test_inside"],
        "B3": ["test_inside"],
        "C4": ["test_marked"],
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(PROJECT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?://|mailto:)([^)#\s]+)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target


def test_every_page_can_be_reached_from_the_index() -> None:
    seen, waiting = set(), [DOCS / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen:
            continue
        seen.add(page)
        links = re.findall(r"\]\((?!https?://)([^)#\s]+\.md)", page.read_text("utf-8"))
        waiting += [(page.parent / link).resolve() for link in links]
    assert sorted(set(DOCS.rglob("*.md")) - seen) == []


def test_commands_that_pages_and_remedies_name_exist(generator: ModuleType) -> None:
    known = set(re.findall(r"^## (forewarn(?: [a-z]+)+)", generator.commands(), re.MULTILINE))
    files = [page for page in PAGES if page.name != "cli.md"] + sorted((PROJECT / "expectations").glob("*.yml"))
    text = "\n".join(file.read_text("utf-8") for file in files)
    groups = "source|project|rules|case|task|alerts|model|access|account|identity|routes|absence|silence|privacy|report"
    named = set(re.findall(rf"(?:^|`|: )(forewarn (?:(?:{groups}) )?[a-z]+)", text, re.MULTILINE))
    assert {"forewarn run", "forewarn doctor", "forewarn source check"} <= named
    assert named - known == set()
