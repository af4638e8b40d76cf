"""Why a customer's score moved between two dates, on an installation: with its warehouse, models and configuration."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from forewarn.config.project import load_project
from forewarn.config.settings import Settings
from forewarn.configured import configuration, model_variables, resting_on

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from churn_model.movement import Movement


def why_moved(settings: Settings, wanted: str, dates: tuple[date, date]) -> Movement:
    """Explain the movement of one customer's score; both dates must have been scored.

    Raises
    ------
    Permanent
        No such customer, or a date without a score of it.
    ModelRejected
        A model that scored cannot be loaded any more.
    BuildFailed
        The features could not be computed again.
    """
    import numpy as np

    from churn_model.features import NAMES
    from churn_model.movement import explain_movement
    from forewarn.warehouse.restate import restate

    project = load_project(settings.config)

    def again(customer: str, days: Sequence[date]) -> list[npt.NDArray[np.float64]]:
        variables = model_variables(settings, project)
        rows = restate(settings, customer, days, known_before=max(days), names=NAMES, variables=variables)
        return [np.array([row], dtype=np.float64) for row in rows]

    return explain_movement(
        settings,
        project,
        wanted,
        dates=dates,
        restate=again,
        reads=resting_on(settings),
        configuration=configuration(project),
    )
