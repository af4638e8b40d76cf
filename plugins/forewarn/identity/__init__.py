"""Which accounts of different systems are one customer, where no number says so: by likeness, and by people's word.

Deterministic evidence is dbt's affair (`stg_account_evidence`); here are the probable links and the decisions.
"""

from forewarn.identity.decisions import Decision, Decisions, keep_together, parse
from forewarn.identity.evaluate import Agreement, agreement
from forewarn.identity.link import LinkReport, link_accounts

__all__ = ["Agreement", "Decision", "Decisions", "LinkReport", "agreement", "keep_together", "link_accounts", "parse"]
