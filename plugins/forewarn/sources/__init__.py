"""Sources: configuration → extraction → landing in `raw_<source>`, one transaction per stream and run."""

from forewarn.sources.batch import Batch
from forewarn.sources.connections import resolve
from forewarn.sources.erased_parents import forget_again
from forewarn.sources.extract import extract_stream
from forewarn.sources.freshness import Late, arrivals, late_streams
from forewarn.sources.loader import load_sources
from forewarn.sources.mappings import canonical_mappings, dbt_sources
from forewarn.sources.model import Source
from forewarn.sources.raw_indexes import ready_for_build
from forewarn.sources.raw_tables import ensure_raw_tables, reset_stream
from forewarn.sources.sample import Sample, sample

__all__ = [
    "Batch",
    "Late",
    "Sample",
    "Source",
    "arrivals",
    "canonical_mappings",
    "dbt_sources",
    "ensure_raw_tables",
    "extract_stream",
    "forget_again",
    "late_streams",
    "load_sources",
    "ready_for_build",
    "reset_stream",
    "resolve",
    "sample",
]
