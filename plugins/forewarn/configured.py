"""What of the configuration features and the model depend on: as dbt is told it, and a digest of each part.

The digests are kept with every score. Two scores whose digests differ in a part were made with another configuration,
and what rests on that part may have moved because of it.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from forewarn.config.project import Project
from forewarn.config.settings import Settings
from forewarn.config.words import STANDARD, Words, load_words
from forewarn.warehouse.late import reads

CHURN, WORDS, IDENTITY = "churn", "words", "identity"
# Features that rest on what words.yml looks for.
OF_WORDS = ("complaint_topics_90d", "competitor_mentions_90d", "discount_requests_90d", "discount_requests_prior_90d")


def configuration(project: Project) -> dict[str, str]:
    """Return part → digest: `churn`, `words`, `identity`, and each entity that some stream feeds, by its name.

    Raises
    ------
    ConfigError
        A file says something that cannot be meant.
    """
    from forewarn.sources import canonical_mappings, load_sources
    from forewarn.words import fingerprint

    words = words_of(project)
    parts = {
        CHURN: project.churn.model_dump(include={"definition", "horizon_days", "eligible_days"}),
        WORDS: words.variable() | {"read_with": fingerprint(words)},
        IDENTITY: project.identity.model_dump(),
    }
    return {name: _digest(part) for name, part in (parts | canonical_mappings(load_sources(project))).items()}


def model_variables(settings: Settings, project: Project) -> dict[str, Any]:
    """Return what dbt is told beside the day: entities, how sources feed them, and what customers are judged by."""
    from forewarn.sources import canonical_mappings, load_sources
    from forewarn.warehouse import dbt

    return {
        "entities": dbt.entity_columns(),
        "canonical": canonical_mappings(load_sources(project)),
        "churn": project.churn.model_dump(include={"definition", "horizon_days", "eligible_days"}),
    } | definitions(settings, project)


def definitions(settings: Settings, project: Project) -> dict[str, Any]:
    """Return what the models divide and judge customers by; without a health.yml the standard one holds."""
    from forewarn.config.health import STANDARD, load_health
    from forewarn.warehouse import dbt
    from forewarn.words import fingerprint

    words = words_of(project)
    own = project.path(project.health)
    given = "health" in project.model_fields_set
    health = load_health(own if given or own.is_file() else STANDARD, dbt.measures(settings))
    return {
        "lifecycle": project.lifecycle.variable(),
        "value": project.value.model_dump(),
        "contact_cost": project.model.contact_cost,
        "health": health.variable(),
        "identity_shared_limit": project.identity.shared_limit,
        "words": words.variable() | {"read_with": fingerprint(words)},
    }


def words_of(project: Project) -> Words:
    """Return which words are looked for; without a words.yml the standard topics, and no competitor."""
    own = project.path(project.words)
    return load_words(own if "words" in project.model_fields_set or own.is_file() else STANDARD)


def resting_on(settings: Settings) -> dict[str, list[str]]:
    """Return the features that rest on each part; who is one customer concerns them all."""
    of_entity = reads(settings)
    everything = sorted({feature for features in of_entity.values() for feature in features})
    return of_entity | {WORDS: list(OF_WORDS), IDENTITY: everything}


def _digest(part: Any) -> str:
    return hashlib.sha256(json.dumps(part, sort_keys=True, default=str).encode()).hexdigest()[:12]
