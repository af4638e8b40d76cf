"""What the workbench does not do, each with its status and a page that a person understands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from forewarn.workbench.pool import Viewer

Kind = Literal[
    "forged",
    "expired",
    "absent",
    "gone",
    "no_customer",
    "task_ended",
    "conflict",
    "unreadable",
    "foreign",
    "misdirected",
    "large",
    "method",
    "login",
    "forbidden",
    "throttled",
    "flood",
    "not_let_in",
    "unpublished",
    "failed",
]

STATUS: dict[Kind, int] = {
    "forged": 403,
    "expired": 403,
    "absent": 404,
    "gone": 404,
    "no_customer": 404,
    "task_ended": 409,
    "conflict": 409,
    "unreadable": 422,
    "foreign": 403,
    "misdirected": 421,
    "large": 413,
    "method": 405,
    "login": 303,
    "forbidden": 403,
    "throttled": 429,
    "flood": 429,
    "not_let_in": 403,
    "unpublished": 503,
    "failed": 500,
}


class Refused(Exception):
    """A request that is answered with a page of the workbench's own.

    `locale` is the reader's where it is known, `viewer` whoever has logged in, and `back` an address to go on from.
    """

    def __init__(self, kind: Kind, *, locale: str | None = None, back: str = "") -> None:
        super().__init__(kind)
        self.kind, self.locale, self.back = kind, locale, back
        self.viewer: Viewer | None = None
