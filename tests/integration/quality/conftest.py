"""The gates' tests share a small warehouse that passes all of them."""

from gated_warehouse import company, gate, good, shared_url

__all__ = ["company", "gate", "good", "shared_url"]
