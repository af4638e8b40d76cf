"""`health.yml`: how figures become points, points components, and components a health score from 0 to 100."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from forewarn.config.yaml import Document, did_you_mean

Component = Literal["usage", "orders", "service", "payments", "engagement", "satisfaction"]
STANDARD = Path(__file__).with_suffix(".yml")


class Health(BaseModel):
    """The whole of `health.yml`.

    Attributes
    ----------
    components
        For each component its measures, columns of `marts.churn_features`; for each measure the points (0 to 100) at
        values of it. Between two values the points run straight, beyond the first and the last they stay.
    weights
        Weights of the components for customers whose type is not named below.
    types
        Weights by customer type (`segment` of the account).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    components: dict[Component, dict[str, dict[float, float]]] = Field(min_length=1)
    weights: dict[Component, float] = Field(min_length=1)
    types: dict[str, dict[Component, float]] = {}

    def variable(self) -> dict[str, Any]:
        """Return the form that the models read: points as ordered pairs, a weight for every component."""

        def weigh(weights: dict[Component, float]) -> dict[str, float]:
            return {component: weights.get(component, 0) for component in self.components}

        return {
            "components": {
                component: {measure: sorted(points.items()) for measure, points in measures.items()}
                for component, measures in self.components.items()
            },
            "weights": weigh(self.weights),
            "types": {name.strip().lower(): weigh(weights) for name, weights in self.types.items()},
        }


def load_health(file: Path, measures: Sequence[str]) -> Health:
    """Read a `health.yml`; `measures` are the figures that there are.

    Raises
    ------
    ConfigError
        With file, line, column and a hint.
    """
    document = Document(file)
    health = document.read(Health)
    for component, figures in health.components.items():
        if not figures:
            raise document.error(["components", component], "no measure", "name a column of marts.churn_features")
        for measure, points in figures.items():
            path = ["components", component, measure]
            if measure not in measures:
                raise document.error(path, f"unknown measure `{measure}`", did_you_mean(measure, measures))
            if len(points) < 2:
                raise document.error(path, "fewer than two points", "say at which value it is bad and at which good")
            if wrong := [given for given in points.values() if not 0 <= given <= 100]:
                raise document.error(path, f"points from 0 to 100 expected, got {wrong[0]:g}")
    for path, weights in [(["weights"], health.weights), *((["types", name], w) for name, w in health.types.items())]:
        for component, weight in weights.items():
            if component not in health.components:
                hint = did_you_mean(component, list(health.components))
                raise document.error([*path, component], f"weight of `{component}`, which has no measures", hint)
            if weight < 0:
                raise document.error([*path, component], f"a weight of zero or more expected, got {weight:g}")
        if not any(weights.values()):
            raise document.error(path, "every weight is zero", "give at least one component a weight")
    return health
