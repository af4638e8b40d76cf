"""A model file is loaded only when it is the pinned one and holds nothing but our types."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from unfitted import candidate

from churn_model.features import NAMES
from churn_model.registry import load_pinned, sha256_of
from forewarn.errors import ModelRejected


@pytest.fixture
def data() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    return random.random((300, len(NAMES))), random.integers(0, 2, 300)


@pytest.mark.parametrize("name", ["logistic", "boosting", "average"])
def test_every_candidate_comes_back_from_its_file_with_the_same_scores(tmp_path, data, name):
    model = candidate(name, 300).fit(*data)
    file = tmp_path / "model.skops"
    skops.io.dump(model, file)
    loaded = load_pinned(file, sha256_of(file), "churn")
    np.testing.assert_array_equal(loaded.predict_proba(data[0]), model.predict_proba(data[0]))


@pytest.mark.parametrize("place", [0, 1000, -1])
def test_a_flipped_byte_is_refused(tmp_path, data, place):
    file = tmp_path / "model.skops"
    skops.io.dump(candidate("logistic", 300).fit(*data), file)
    pinned = sha256_of(file)
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)
    with pytest.raises(ModelRejected, match=f"expected a file with sha256 {pinned}, got {sha256_of(file)}"):
        load_pinned(file, pinned, "churn")


class _Malicious:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, (str(self.trace),))


def test_a_malicious_pickle_is_refused_without_being_opened(tmp_path):
    file, trace = tmp_path / "model.skops", tmp_path / "executed"
    file.write_bytes(pickle.dumps(_Malicious(trace)))
    with pytest.raises(ModelRejected, match="expected a skops file of Forewarn's own types, got BadZipFile"):
        load_pinned(file, sha256_of(file), "churn")
    assert not trace.exists()


def test_a_file_with_a_foreign_function_is_refused(tmp_path, data):
    file = tmp_path / "model.skops"
    model = Pipeline(
        [("run", FunctionTransformer(os.path.getsize)), ("classify", candidate("logistic", 300).fit(*data))]
    )
    skops.io.dump(model, file)
    with pytest.raises(ModelRejected, match="got UntrustedTypesFoundException"):
        load_pinned(file, sha256_of(file), "churn")


def test_a_model_of_another_feature_list_is_refused(tmp_path, data):
    file = tmp_path / "model.skops"
    skops.io.dump(candidate("logistic", 300).fit(data[0][:, :-1], data[1]), file)
    with pytest.raises(
        ModelRejected, match=f"a model of the {len(NAMES)} features of this release, got {len(NAMES) - 1}"
    ):
        load_pinned(file, sha256_of(file), "churn")
