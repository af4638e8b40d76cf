"""How long things are kept."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Days = Annotated[int, Field(ge=1)] | None


class Retention(BaseModel):
    """Days after which things go; what has no figure is kept.

    Attributes
    ----------
    quarantine_days
        Rows that were set aside, since they were.
    message_days
        What messages said and the evidence behind their signals, once their case is closed; that they were sent stays.
    row_version_days
        What raw rows were before they changed; dates before that are built late from what is known today.
    gate_result_days
        Verdicts of gates.
    file_days
        Logs, and messages and reports in folders of the installation.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    quarantine_days: Days = None
    message_days: Days = None
    row_version_days: Days = None
    gate_result_days: Days = None
    file_days: Days = None
