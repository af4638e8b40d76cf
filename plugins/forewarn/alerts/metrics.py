"""The metrics that rules may name, each with the unit that a reason shows it in."""

from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from forewarn.config.yaml import Document

Unit = Literal["count", "days", "months", "money", "share", "ratio"]


class Metrics(BaseModel):
    """Columns of `marts.churn_features` by unit, of `marts.dim_customers`, and of `marts.kpi_monthly` by unit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    metrics: dict[str, Unit]
    attributes: list[str]
    kpis: dict[str, Unit]

    @property
    def columns(self) -> dict[str, str | None]:
        """Name → PostgreSQL type, as the expression language wants it."""
        return {**dict.fromkeys(self.metrics, "numeric"), **dict.fromkeys(self.attributes, "text")}


@lru_cache(maxsize=1)
def declared() -> Metrics:
    """Return what is declared in `metrics.yml`."""
    return Document(Path(__file__).with_name("metrics.yml")).read(Metrics)
