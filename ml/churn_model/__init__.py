"""The churn model: from `marts.churn_features` to explained scores in `ml.score`, tracked and pinned in MLflow.

`train`, `evaluate` and `score` take the settings, the project and an as-of date; they meet the rest in tables only.
"""

from churn_model.champion import has_champion, load_champion
from churn_model.duel import Comparison, compare, promote
from churn_model.evaluate import Evaluation, evaluate
from churn_model.score import score
from churn_model.shadow import score_in_shadow
from churn_model.train import TrainingReport, train

__all__ = [
    "Comparison",
    "Evaluation",
    "TrainingReport",
    "compare",
    "evaluate",
    "has_champion",
    "load_champion",
    "promote",
    "score",
    "score_in_shadow",
    "train",
]
