"""One operator: run a stage of the day or of the week for the day of this run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

# Only these reach out to other systems, and need connections by name.
_CONNECTED = {"extract", "tell_operations", "dispatch"}


class StageOperator(BaseOperator):
    """Run one stage and return its summary.

    Parameters
    ----------
    stage : str
        Name of a function of `forewarn.stages`, or of `forewarn.retraining`.
    arguments : dict
        Its keyword arguments, beside the settings and the run.
    """

    template_fields: Sequence[str] = ("arguments",)
    ui_color = "#e8f0f6"

    def __init__(self, *, stage: str, arguments: dict[str, Any] | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.stage, self.arguments = stage, arguments or {}

    def execute(self, context: Context) -> Any:
        """Run the stage; a Permanent error fails the task for good, see `policy`."""
        from forewarn import retraining, stages
        from forewarn.config.settings import Settings
        from forewarn_airflow.connections import resolve
        from forewarn_airflow.run import run_of

        settings = Settings.from_environment()
        run = run_of(context, settings)
        more = {"resolve": resolve} if self.stage in _CONNECTED else {}
        function = getattr(stages, self.stage, None) or getattr(retraining, self.stage)
        summary = function(settings, run, **self.arguments, **more)
        self.log.info("%s for %s: %s", self.stage, run.as_of_date, summary)
        return summary
