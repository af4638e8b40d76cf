"""Both languages say the same things, in messages, in the workbench and in reports."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

WORKBENCH = Path(__file__).resolve().parents[2] / "plugins/forewarn/workbench"


@pytest.mark.parametrize("folder", [WORKBENCH.parent / name / "languages" for name in ("workbench", "alerts", "loop")])
def test_both_languages_have_the_same_texts_with_the_same_values(folder: Path) -> None:
    english, chinese = (_texts(YAML(typ="safe").load(folder / f"{name}.yml")) for name in ("en", "zh_CN"))
    # Chinese counts without a form for one, and may have it all the same.
    assert {key for key in english if not key.endswith(".one")} == {key for key in chinese if not key.endswith(".one")}
    for key, text in ((key, text) for key, text in chinese.items() if not key.endswith(".one")):
        assert set(re.findall(r"{\w+}", text)) <= set(re.findall(r"{\w+}", english[key])), key


def _texts(node: Any, path: str = "") -> dict[str, str]:
    if not isinstance(node, dict):
        return {path: str(node)}
    return {key: text for name, one in node.items() for key, text in _texts(one, f"{path}.{name}").items()}
