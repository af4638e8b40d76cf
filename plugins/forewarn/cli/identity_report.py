"""How well the customers of the simulated company were found, held against the truth that no source shows."""

from __future__ import annotations

from collections.abc import Iterator

from forewarn.config.settings import Settings
from forewarn.demo.truth import Truth
from forewarn.errors import Permanent
from forewarn.identity import Agreement, agreement
from forewarn.warehouse.engine import connect


def compare(settings: Settings) -> dict[str, Agreement]:
    """Return how far the crosswalk and the truth agree: on planted twins, on look-alikes, and on all accounts.

    Raises
    ------
    Permanent
        There is no simulated company here, or no crosswalk.
    """
    truth = Truth(settings.home)
    if not (truth.folder / "accounts").is_dir():
        raise Permanent(
            f"truth of {settings.home}",
            expected="a simulated company that was founded with twins",
            got="none",
            next_step="run `make demo` in a fresh home",
        )
    with connect(settings.warehouse_url) as connection, connection.cursor() as cursor:
        cursor.execute("select source, account_id, customer_id from marts.customer_crosswalk where has_record")
        found = {(source, account_id): customer for source, account_id, customer in cursor.fetchall()}
    planted = truth.read("accounts").to_pylist()
    true = {(row["source"], row["account_id"]): row["customer"] for row in planted}
    twins = {(row["source"], row["account_id"]) for row in planted if row["twin"]}
    alike = {(row["source"], row["account_id"]) for row in planted if row["looks_like"]}
    return {
        "twins": agreement(found, true, twins),
        "look-alikes": agreement(found, true, alike),
        "all accounts": agreement(found, true),
    }


def measure(settings: Settings) -> Iterator[str]:
    """Yield the comparison as lines to print."""
    for name, one in compare(settings).items():
        yield (
            f"{name:<13} precision {one.precision:.4f}  recall {one.recall:.4f}"
            f"  ({one.right:,} right of {one.found:,} found, {one.true:,} true pairs)"
        )
