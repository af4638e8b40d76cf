"""The definition of churn in `forewarn.yml`."""

from contextlib import nullcontext
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from forewarn.config.project import Alerts, Churn

CHURN = Churn(definition="non_contractual", horizon_days=60, eligible_days=90, snapshot_days=30, snapshots=3)


@pytest.mark.capability("B3")
@given(day=st.dates(min_value=date(2000, 1, 1), max_value=date(2100, 1, 1)), step=st.integers(1, 90))
def test_training_dates_stay_where_they_are_from_one_night_to_the_next(day: date, step: int) -> None:
    churn = CHURN.model_copy(update={"snapshot_days": step})
    tonight, tomorrow = churn.training_dates(day), churn.training_dates(day + timedelta(days=1))
    assert len(set(tomorrow) - set(tonight)) <= 1
    assert day - timedelta(days=step) <= tonight[0] < day
    assert {newer - older for newer, older in pairwise(tonight)} == {timedelta(days=step)}


@pytest.mark.parametrize(
    ("address", "fits"),
    [
        ("https://forewarn.example.org", True),
        ("https://forewarn.example.org:8443", True),
        ("http://127.0.0.1:8090", True),
        ("http://localhost", True),
        # A link acts for whoever reads it on its way.
        ("http://forewarn.example.org", False),
        ("http://127.0.0.1.example.org", False),
        ("https://forewarn.example.org/", False),
        ("https://forewarn.example.org/path", False),
        ("https://user@forewarn.example.org", False),
        ("forewarn.example.org", False),
    ],
)
def test_links_lead_to_an_encrypted_address_or_to_this_machine(address: str, fits: bool) -> None:
    given = {"fallback_recipient": "lead@meridian.example", "workbench_url": address}
    with nullcontext() if fits else pytest.raises(ValidationError, match="workbench_url"):
        Alerts.model_validate(given)
