"""`forewarn model evaluate --table`: by configuration alone, and readable in 80 columns."""

from pathlib import Path

import numpy as np
import pandas as pd
from typer.testing import CliRunner

from forewarn.cli.app import app


def test_a_table_is_judged_without_a_warehouse(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    random = np.random.default_rng(1)
    risk = random.random(300)
    table = pd.DataFrame({"risk": risk, "plan": random.choice(["a", "b"], 300)})
    table["left"] = (random.random(300) < risk).astype(int)
    table.to_csv(tmp_path / "t.csv", index=False)
    (tmp_path / "t.yml").write_text("file: t.csv\ntarget: left\npositive: '1'\n")
    result = CliRunner().invoke(app, ["model", "evaluate", "--table", str(tmp_path / "t.yml")])
    assert result.exit_code == 0, result.output
    assert "5 stratified parts of 300 customers, 2 columns" in result.output
    for method in ("logistic", "boosting", "average"):
        (line,) = [line for line in result.output.splitlines() if line.strip().startswith(method)]
        assert line.count("±") == 6
        assert "…" not in line
