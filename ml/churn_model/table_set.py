"""Judge the candidates on a table with one row a customer: five parts, each judged by what the other four taught."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.model_selection import StratifiedKFold

from churn_model.economy import one_thread
from churn_model.leak import SUSPICIOUS_AUC, separation
from churn_model.metrics import Metrics, measure
from churn_model.promotion import DOES_NOT_PAY, Verdict, not_beaten
from churn_model.reader import Floats
from churn_model.snapshots import MINIMUM_CUSTOMERS
from churn_model.table_models import RULE, TableModels
from forewarn.config.model import Model
from forewarn.config.table_set import TableSet, load_table_set
from forewarn.errors import ModelRejected

if TYPE_CHECKING:
    from rich.console import Group

PARTS = 5
MOST_LEVELS = 50
NUMERIC_SHARE = 0.95
READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    ".csv": pd.read_csv,
    ".parquet": pd.read_parquet,
    ".xlsx": pd.read_excel,
    ".xls": pd.read_excel,
}


@dataclass(frozen=True)
class Encoded:
    """A table as numbers.

    Attributes
    ----------
    features : ndarray (n, len(names))
        NaN where unknown; codes for categories.
    churned : ndarray of int8 (n,)
    names : list of str
    categorical : ndarray of bool (len(names),)
    """

    features: Floats
    churned: npt.NDArray[np.int8]
    names: list[str]
    categorical: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class TableEvaluation:
    """Figures of each candidate on each part; `print` of rich shows them."""

    name: str
    customers: int
    base_rate: float
    columns: int
    metrics: dict[str, list[Metrics]]

    def mean(self, method: str, metric: str) -> float:
        """Return the mean over the parts."""
        return float(np.mean([getattr(one, metric) for one in self.metrics[method]]))

    def best(self) -> str:
        """Return the candidate with the highest mean AUC; the simple rule is none."""
        return max((name for name in self.metrics if name != RULE), key=lambda name: self.mean(name, "auc"))

    def verdict(self) -> Verdict:
        """Return whether learning pays: the best candidate beats chance, and what one column alone tells."""
        best = self.best()
        aucs = {name: [one.auc for one in self.metrics[name]] for name in (best, RULE)}
        left = self.customers * self.base_rate
        failed = not_beaten(
            aucs[best], {RULE: aucs[RULE]}, left=left, stayed=self.customers - left, margin=Model().margin
        )
        why = f"{best}: AUC {self.mean(best, 'auc'):.4f}, Brier {self.mean(best, 'brier'):.4f}"
        return Verdict(not failed, f"{why}; {DOES_NOT_PAY} {', '.join(failed)}" if failed else why)

    def __rich__(self) -> Group:
        """Return the table."""
        from churn_model.tables import parts

        return parts(self)


def judge_table(file: Path) -> TableEvaluation:
    """Judge the candidates on the table that a YAML file describes.

    Raises
    ------
    ConfigError
        The YAML file says something that cannot be meant.
    ModelRejected
        The table is missing or lacks a column, holds one class or fewer than 100 customers, names a customer twice, or
        has a column that knows the answer.
    """
    told = load_table_set(file)
    return judge(file.stem, encode(told, _read(told)))


def judge(name: str, table: Encoded) -> TableEvaluation:
    """Judge the candidates by stratified parts."""
    metrics: dict[str, list[Metrics]] = {}
    split = StratifiedKFold(PARTS, shuffle=True, random_state=0)
    for learnt, asked in split.split(table.features, table.churned):
        with one_thread():
            models = TableModels(table.categorical).fit(table.features[learnt], table.churned[learnt])
            scores = models.scores(table.features[asked])
        for method, score in scores.items():
            metrics.setdefault(method, []).append(measure(table.churned[asked], score))
    return TableEvaluation(name, len(table.churned), float(table.churned.mean()), len(table.names), metrics)


def encode(told: TableSet, frame: pd.DataFrame) -> Encoded:
    """Return the table as numbers: text that is mostly numbers as such, other text as categories.

    Of a category with many values the `MOST_LEVELS` most frequent stand for themselves, all others together.

    Raises
    ------
    ModelRejected
        As in `judge_table`.
    """
    _demand_columns(told, frame)
    target = frame[told.target].astype(str).str.strip()
    if target.eq("nan").any():
        frame, target = frame[~target.eq("nan")], target[~target.eq("nan")]
    churned = target.eq(told.positive).to_numpy().astype(np.int8)
    _demand_fit(told, frame, churned)
    names, columns, categorical = [], [], []
    for name in frame.columns:
        if name in (told.target, told.customer_id, *told.exclude):
            continue
        values, is_category = _column(frame[name], name in told.categories)
        # A column without a value, or with one only, says nothing.
        if len(np.unique(values[~np.isnan(values)])) > 1:
            names.append(str(name))
            columns.append(values)
            categorical.append(is_category)
    if not columns:
        raise _rejected(told, "a column to learn from", "none that varies", "look at `exclude`")
    table = Encoded(np.column_stack(columns), churned, names, np.array(categorical))
    _demand_no_oracle(told, table)
    return table


def _read(told: TableSet) -> pd.DataFrame:
    reader = READERS.get(told.file.suffix.lower())
    if reader is None:
        raise _rejected(told, f"a file of {', '.join(READERS)}", told.file.suffix or "no ending", "mend `file`")
    try:
        frame = reader(told.file)
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise _rejected(told, "a readable table", str(error).splitlines()[0], "mend `file`, or the file") from error
    return frame


def _demand_columns(told: TableSet, frame: pd.DataFrame) -> None:
    named = [told.target, *([told.customer_id] if told.customer_id else []), *told.exclude, *told.categories]
    columns = [str(column) for column in frame.columns]
    missing = [f"{name}{_nearest(name, columns)}" for name in named if name not in columns]
    if missing:
        raise _rejected(told, "every column that the YAML file names", f"missing {', '.join(missing)}", "mend them")


def _nearest(name: str, columns: list[str]) -> str:
    close = get_close_matches(name, columns, n=1)
    return f" (renamed to {close[0]}?)" if close else ""


def _demand_fit(told: TableSet, frame: pd.DataFrame, churned: npt.NDArray[np.int8]) -> None:
    if told.customer_id and (twice := int(frame[told.customer_id].duplicated().sum())):
        raise _rejected(
            told,
            "one row per customer",
            f"{twice} rows of customers that are there already",
            "leave one row each: a customer on both sides of a split is judged by what was learned of it",
        )
    if len(frame) < MINIMUM_CUSTOMERS:
        raise _rejected(told, f"at least {MINIMUM_CUSTOMERS} customers", str(len(frame)), "let rules alone judge them")
    if min(churned.sum(), len(churned) - churned.sum()) < 2 * PARTS:
        found = ", ".join(map(str, frame[told.target].astype(str).unique()[:5]))
        raise _rejected(
            told,
            f"at least {2 * PARTS} customers who left and as many who stayed",
            f"{churned.sum()} of {len(churned)} with {told.target} = {told.positive} (values: {found})",
            "mend `target` or `positive`",
        )


def _demand_no_oracle(told: TableSet, table: Encoded) -> None:
    found = []
    for place, name in enumerate(table.names):
        values = table.features[:, place]
        if table.categorical[place]:
            # The share of leavers in each level ranks them.
            levels = np.nan_to_num(values, nan=-1.0)
            rates = {level: table.churned[levels == level].mean() for level in np.unique(levels)}
            values = np.array([rates[level] for level in levels])
        if (auc := separation(values, table.churned)) > SUSPICIOUS_AUC:
            found.append(f"{name} (AUC {auc:.4f} alone)")
    if found:
        raise _rejected(
            told,
            f"no column that alone separates leavers from stayers (AUC above {SUSPICIOUS_AUC})",
            ", ".join(found),
            "name it under `exclude`: it was written down after the customer had left",
        )


def _column(values: pd.Series, is_code: bool) -> tuple[Floats, bool]:
    """Return a column as numbers, and whether they are codes of categories."""
    numbers = pd.to_numeric(values, errors="coerce")
    if pd.api.types.is_bool_dtype(values) or (
        not is_code and numbers.notna().sum() >= NUMERIC_SHARE * max(1, values.notna().sum())
    ):
        return np.asarray(numbers.replace([np.inf, -np.inf], np.nan), dtype=np.float64), False
    texts = values.astype("object").where(values.notna()).map(lambda value: str(value).strip(), na_action="ignore")
    levels = list(texts.value_counts().index[:MOST_LEVELS])
    codes = texts.map({level: float(code) for code, level in enumerate(levels)}).astype(float)
    return np.asarray(codes.where(codes.notna() | texts.isna(), float(len(levels))), dtype=np.float64), True


def _rejected(told: TableSet, expected: str, got: str, next_step: str) -> ModelRejected:
    return ModelRejected(f"table {told.file.name}", expected=expected, got=got, next_step=next_step)
