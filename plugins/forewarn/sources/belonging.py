"""Whether what `belongs_to` says can be followed: to a record that has a customer, and never in a circle."""

from __future__ import annotations

from collections.abc import Mapping as Dict
from collections.abc import Sequence

from forewarn.config.entities import entities, parents
from forewarn.config.yaml import Document, did_you_mean
from forewarn.sources.model import Mapping, Source

_ITSELF = "say whose a row is by `account_id`, or by a record that has its own customer"


def check_belonging(document: Document, path: Sequence[str | int], mapping: Mapping) -> None:
    """Refuse `belongs_to` of an entity without a customer, or by one.

    Raises
    ------
    ConfigError
        With the place, and the entities that would do.
    """
    entity = str(path[-1])
    for parent in mapping.belongs_to:
        place = [*path, "belongs_to", parent]
        if entities()[entity].refers is None:
            raise document.error(place, f"entity {entity} does not refer to an account", "remove `belongs_to`")
        if parent not in parents() or parent == entity:
            known = [name for name in parents() if name != entity]
            raise document.error(place, f"a record cannot belong to `{parent}`", did_you_mean(parent, known))
        if mapping.partial:
            raise document.error(place, "a stream that only adds columns says not whose a record is", "remove either")


def check_parents(documents: Dict[str, Document], sources: Dict[str, Source]) -> None:
    """Refuse `belongs_to` of an entity that its source does not feed, and a circle of them.

    Raises
    ------
    ConfigError
        With the place and the way out.
    """
    fed = {
        name: {entity for stream in one.streams.values() for entity in stream.entities} for name, one in sources.items()
    }
    above: dict[str, set[str]] = {}
    for name, source in sources.items():
        for stream_name, stream in source.streams.items():
            for entity, mapping in stream.entities.items():
                for parent in mapping.belongs_to:
                    place = ["streams", stream_name, "entities", entity, "belongs_to", parent]
                    teller = mapping.account_source or name
                    if parent not in fed.get(teller, {parent}):
                        raise documents[name].error(
                            place,
                            f"no stream of source {teller} feeds {parent}",
                            f"map {parent} there, or name the source that has it as `account_source`",
                        )
                    above.setdefault(entity, set()).add(parent)
                    if entity in all_above(parent, above):
                        raise documents[name].error(place, f"{entity} and {parent} belong to each other", _ITSELF)


def all_above(entity: str, above: Dict[str, set[str]]) -> set[str]:
    """Return what an entity belongs to, and what that belongs to."""
    found: set[str] = set()
    open_ = [entity]
    while open_:
        for parent in above.get(open_.pop(), ()):
            if parent not in found:
                found.add(parent)
                open_.append(parent)
    return found
