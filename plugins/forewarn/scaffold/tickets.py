"""What tables of a help desk say of how its tickets went: the steps of a ticket, and when it was solved."""

from __future__ import annotations

from collections.abc import Sequence

from forewarn.scaffold import names
from forewarn.scaffold.feed import Feed
from forewarn.scaffold.matching import Reader
from forewarn.scaffold.outcomes import listed, states
from forewarn.scaffold.reading import expression_of, named
from forewarn.scaffold.table import Column


def settle_ticket(ticket: Feed, reader: Reader, *, solved: bool) -> None:
    """Read a rating that is a word; and the state, where nothing says when tickets were `solved`."""
    _rated_in_words(ticket, reader)
    state = None if solved else _state(reader)
    if state is not None and (over := _of(state, "solved")):
        _solved_by_state(ticket, reader, state, over)
    elif not solved:
        ticket.doubts.append("closed_at: nothing says when tickets were solved, and without it all count as unsolved")


def _solved_by_state(ticket: Feed, reader: Reader, state: Column, solved: list[str]) -> None:
    changed = next(
        (one for one in reader.usable if names.is_one_of(one.name, "changed", reader.shared) and _is_time(one)), None
    )
    if changed is None:
        ticket.doubts.append(
            f"closed_at: no column says when; those of {state.name} {listed(solved)} count as unsolved"
        )
        return
    when = expression_of(changed, "timestamptz")
    ticket.columns["closed_at"] = f"case when {named(state.name)} in ({listed(solved)}) then {when} end"
    ticket.doubts.append(f"closed_at: the last change of a ticket whose {state.name} says that it is solved")


def settle_step(step: Feed, reader: Reader) -> None:
    """Put a step's state as the models know it: open, waiting, solved or reopened."""
    state = next((one for one in reader.usable if named(one.name) == step.columns.get("status")), None)
    if state is None or state.distinct <= {"open", "waiting", "solved", "reopened"}:
        return
    whens = [
        f"in ({listed(found)}) then '{word}'" for word in ("open", "waiting", "solved") if (found := _of(state, word))
    ]
    if whens:
        name = named(state.name)
        step.columns["status"] = f"case {' '.join(f'when {name} {when}' for when in whens)} else {name} end"


def _rated_in_words(ticket: Feed, reader: Reader) -> None:
    """Read an answer to whether somebody was content that is a word: good or bad."""
    for column in reader.usable if "satisfaction" not in ticket.columns else ():
        good, bad = (_of(column, word) for word in ("content", "discontent"))
        if good and bad and names.means(column.name.replace("__score", ""), "ticket", "satisfaction", reader.shared):
            name = named(column.name)
            ticket.columns["satisfaction"] = (
                f"case when {name} in ({listed(good)}) then 5 when {name} in ({listed(bad)}) then 1 end"
            )
            return


def more_of_tickets(readers: Sequence[Reader], feeds: Sequence[list[Feed]]) -> None:
    """Let tables of one row a ticket add what they know of it to what another table tells."""
    told = [feed for mine in feeds for feed in mine if feed.entity == "ticket"]
    for reader, mine in zip(readers, feeds, strict=True) if len(told) == 1 else ():
        number = reader.reference("ticket")
        if mine or number is None or not number.is_unique:
            continue
        found = reader.feed("ticket", partial=True)
        if isinstance(found, Feed):
            added = {one: text for one, text in found.columns.items() if one not in {*told[0].columns, "account_id"}}
            columns = {"ticket_id": expression_of(number, "text"), **added}
            mine.extend([Feed("ticket", columns, partial=True)] if added else [])


def _state(reader: Reader) -> Column | None:
    return next(iter(states(reader)), None)


def _of(state: Column, meaning: str) -> list[str]:
    known = names.words()["states"][meaning]
    return sorted(value for value in state.distinct if names.folded(value) in known)


def _is_time(column: Column) -> bool:
    return column.shape.kind == "time"
