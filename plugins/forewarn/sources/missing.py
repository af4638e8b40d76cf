"""A column that a stream must have and does not."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from forewarn.errors import SourceRejected


def require_columns(subject: str, where: str, wanted: Sequence[str], present: Sequence[str]) -> None:
    """Check that every wanted column is present.

    Raises
    ------
    SourceRejected
        Naming the missing column and the nearest present one.
    """
    for column in wanted:
        if column in present:
            continue
        folded = {name.lower(): name for name in present}
        near = difflib.get_close_matches(column.lower(), folded, n=1, cutoff=0.6)
        shown = ", ".join(present[:20]) + (", …" if len(present) > 20 else "")
        raise SourceRejected(
            f"{subject}: column {column}",
            expected=f"in {where}",
            got="no such column",
            next_step=f"did you mean `{folded[near[0]]}`? Correct the mapping or the source"
            if near
            else f"correct the mapping or the source; it has: {shown}",
        )
