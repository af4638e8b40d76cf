"""Forty-odd kinds of defect, each put where it would arise: a gate catches it, names it, and says whose affair it is.

Row 24 of the list of faults that Forewarn survives. What landing refuses or sets aside by itself stands in
`test_a_ingest.py` (cut files, NUL, year 0001, encodings) and in `test_a_source_changes.py` (renamed columns, halved
sources).
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from derived_defects import DERIVED
from judged_company import Judged, judged_company
from landed_defects import LANDED
from planted_defect import Defect

pytestmark = [pytest.mark.timeout(900), pytest.mark.capability("C5")]

DEFECTS = [*LANDED, *DERIVED]


@pytest.fixture(scope="module")
def company() -> Iterator[Judged]:
    with judged_company() as judged:
        yield judged


@pytest.mark.parametrize("gate", ["raw", "features", "scores"])
def test_24_the_clean_company_passes_without_a_warning(company: Judged, gate: str) -> None:
    with company.copy() as judged:
        assert judged.gate(gate) == []
        ((checked,),) = judged.rows("select count(*) from ops.gate_result where gate = %s and run_id = 'today'", gate)
        assert checked > {"raw": 250, "features": 100, "scores": 10}[gate]


@pytest.mark.parametrize("defect", DEFECTS, ids=[defect.name for defect in DEFECTS])
def test_24_a_defect_is_caught_and_named(company: Judged, defect: Defect) -> None:
    table = defect.table if defect.table != "marts." else "staging.stg_orders"
    with company.copy() as judged:
        judged.execute(defect.sql.replace("{day}", judged.run.as_of_date.isoformat()))
        found = {(one.table, one.name): one for one in judged.gate(defect.gate)}
    assert (table, defect.expectation) in found, sorted(found)
    one = found[table, defect.expectation]
    assert one.severity == defect.severity
    assert one.owner
    assert defect.place in one.observed


def test_24_forty_kinds_are_tried() -> None:
    assert len({defect.name for defect in DEFECTS}) == len(DEFECTS) >= 40
