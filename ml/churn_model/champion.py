"""The champion, and what goes on in its place on a day on which it cannot be reached (FAULTS 31).

A file that is gone, or a registry that does not answer, is a fault of the machine: a model that was pinned before goes
on. A file that was changed is no such fault: nothing takes its place, rules go on alone, and a person looks at it.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from churn_model import last_good
from churn_model.registry import (
    CHAMPION,
    Champion,
    ModelGone,
    RegistryDown,
    champion_of,
    differs,
    find_champion,
    has_alias,
    load,
    load_pinned,
    load_registered,
    model_name,
    open_store,
)
from forewarn.config.project import Churn, Project
from forewarn.config.settings import Settings
from forewarn.errors import ModelRejected

_log = logging.getLogger(__name__)


def has_champion(settings: Settings, project: Project) -> bool:
    """Tell whether a champion exists that was trained for the project's present definition of churn.

    While the registry does not answer, the last good one stands for it.

    Raises
    ------
    RegistryDown
        It does not answer, and no champion was kept.
    """
    try:
        return has_alias(settings, project, CHAMPION)
    except RegistryDown:
        kept = last_good.find(settings, model_name(project.churn))
        if kept is None or differs(kept[2], project.churn):
            raise
        return True


def load_champion(settings: Settings, project: Project) -> Champion:
    """Download, check and load the champion.

    While the registry does not answer, or the champion's file is gone, the champion that scored last is loaded from
    its own copy; where none was kept, the newest earlier version whose file is whole. `note` says so.

    Raises
    ------
    ModelRejected
        As `registry.load`, where nothing can go on in its place.
    """
    try:
        return load(settings, project, CHAMPION)
    except (RegistryDown, ModelGone) as trouble:
        if kept := _kept(settings, project.churn):
            return replace(kept, note=f"version {kept.version}, which scored last, went on: {trouble}")
        if isinstance(trouble, RegistryDown) or not (earlier := _earlier(settings, project.churn)):
            raise
        return replace(earlier, note=f"version {earlier.version}, an earlier one, went on: {trouble}")


def _kept(settings: Settings, churn: Churn) -> Champion | None:
    """Return the champion that scored last, where a copy of it was kept and the definition is still its own."""
    name = model_name(churn)
    kept = last_good.find(settings, name)
    if kept is None or differs(kept[2], churn):
        return None
    file, version, tags = kept
    model = load_pinned(file, tags["sha256"], f"{name} version {version}, the last good one")
    return champion_of(name, version, tags, model)


def _earlier(settings: Settings, churn: Churn) -> Champion | None:
    """Return the newest version before the champion that is whole; each beat the simple rules when it was trained."""
    client = open_store(settings)
    champion = find_champion(client, churn)
    found = client.search_model_versions(f"name = '{model_name(churn)}'")
    for version in sorted(found, key=lambda one: -int(one.version)):
        is_earlier = champion is not None and int(version.version) < int(champion.version)
        # The hazard model is registered beside the others, and gives no exact reasons.
        if not is_earlier or version.tags.get("candidate") == "hazard" or differs(version.tags, churn):
            continue
        try:
            return load_registered(version)
        except ModelRejected as rejected:
            _log.warning("Not in the champion's place: %s", rejected)
    return None
