"""Templates filled: what they show is escaped, and a name that is missing is an error."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from forewarn.alerts.interventions import INTERVENTIONS
from forewarn.alerts.language import Language

HERE = Path(__file__).parent


def language(locale: str) -> Language:
    """Return a reader's language, with the texts of the workbench beside those of messages."""
    return Language(locale, HERE / "languages")


def render(template: str, say: Language, **texts: Any) -> str:
    """Return a page as HTML."""
    return _environment().get_template(template).render(say=say, **texts)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["interventions"] = INTERVENTIONS
    return environment
