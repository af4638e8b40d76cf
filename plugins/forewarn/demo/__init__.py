"""The simulated company: a wholesaler with five departments' systems, whose truth is known.

Nothing is imported before it is asked for: this package stands beside the library, and most runs never need it.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from forewarn.demo.company import Company, advance, is_founded, seed
    from forewarn.demo.help_desk import serve

__all__ = ["Company", "advance", "is_founded", "seed", "serve"]


def __getattr__(name: str) -> Any:
    if name == "serve":
        from forewarn.demo.help_desk import serve

        return serve
    if name in __all__:
        from forewarn.demo import company

        return getattr(company, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
