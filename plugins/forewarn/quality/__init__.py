"""Gates: suites of expectations that decide whether a run may go on, with pages that a person can read."""

from forewarn.quality.gate import GateReport, run_gate
from forewarn.quality.outcome import Outcome
from forewarn.quality.pages import WAREHOUSE_PAGE, write_index
from forewarn.quality.suites import load_gates

__all__ = ["WAREHOUSE_PAGE", "GateReport", "Outcome", "load_gates", "run_gate", "write_index"]
