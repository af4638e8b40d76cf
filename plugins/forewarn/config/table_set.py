"""A table with one row a customer and no time in it: where it is, and what its columns are."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from forewarn.config.yaml import Document


class TableSet(BaseModel):
    """A table of customers, each with what became of it.

    Attributes
    ----------
    file
        CSV, Excel or Parquet; relative to the YAML file.
    target, positive
        Column that says what became of the customer, and its value for those who left.
    customer_id
        Column that names the customer; each may stand once. Without one, every row is another customer.
    exclude
        Columns that are not to be learned from: names, and what was written down only after the customer had left.
    categories
        Number columns that are codes; columns of text are categories anyway.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: Path
    target: str
    positive: str
    customer_id: str | None = None
    exclude: list[str] = Field(default_factory=list)
    categories: list[str] = Field(default_factory=list)


def load_table_set(file: Path) -> TableSet:
    """Read the YAML file; the path in it comes back whole.

    Raises
    ------
    ConfigError
        With file, line, column and a hint.
    """
    told = Document(file).read(TableSet)
    return told.model_copy(update={"file": (file.parent / told.file).resolve()})
