"""Tables of one's own, from the file to the verdict; what went wrong once with real ones is in each of them."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from living import LivingProject

pytestmark = pytest.mark.pipeline
FILES = ("contract.yaml", "params.yaml", "gates.yaml")


def trained(project: LivingProject, file: Path, target: str) -> str:
    """Bring a table through the pipeline; returns what inference decided."""
    decided = project.mlops("contract", "infer", str(file), "--target", target)
    project.mlops("data", "add", str(file))
    project.dvc("repro")
    project.commit("First model")
    return decided


def report(project: LivingProject) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((project.path / "reports" / "metrics.json").read_text(encoding="utf-8"))
    return found


def predict(url: str, *rows: dict[str, Any]) -> dict[str, Any]:
    body = json.dumps({"rows": rows}).encode()
    request = urllib.request.Request(f"{url}/predict", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=300) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def test_columns_of_any_name_are_served_as_they_were_trained(fresh: LivingProject, tmp_path: Path) -> None:
    rng, n = np.random.default_rng(1), 1500
    x = rng.normal(size=n)
    frame = pd.DataFrame(
        {
            "Unnamed: 0": range(n),
            "f1": x.round(3),
            "f0": rng.normal(size=n).round(3),
            "__batch": rng.integers(0, 5, n),
            "index": rng.integers(0, 9, n),
            'a "quoted" name': rng.choice(["p;q", "r\ns"], n),
            "größe.cm": rng.normal(170, 9, n).round(1),
            "2nd {x} \\n": rng.random(n) < 0.5,
            "one": np.where(np.arange(n) == 7, 1.5, np.nan),
            "label": np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n)),
            "class": np.where(x + (np.arange(n) % 5) + 0.5 * rng.normal(size=n) > 4.0, "späte Kündigung", "no"),
        }
    )
    frame["__batch"] = np.arange(n) % 5
    text = frame.to_csv(index=False, sep=";", lineterminator="\r\n")
    (tmp_path / "my table.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    decided = trained(fresh, tmp_path / "my table.csv", "class")
    assert "column 'Unnamed: 0': excluded" in decided and "mlops data add '" in decided
    assert report(fresh)["metrics"]["roc_auc"] > 0.95  # which it is only if `__batch` is the table's own
    assert fresh.mlops("gate").startswith("YES")
    fresh.mlops("release", "--env", "staging")
    try:
        url = re.findall(r"http://\S+", fresh.mlops("local", "up", "--env", "staging", "--port", "0", "--detach"))[-1]
        rows = json.loads(frame.head(40).drop(columns=["Unnamed: 0", "class"]).to_json(orient="records"))
        answered = predict(url, *rows)
        assert answered["warnings"] == []
        labels = [one["prediction"] for one in answered["predictions"]]
        assert np.mean(np.array(labels) == frame["class"].head(40)) > 0.9
        odd = rows[0] | {"label": None, "one": None, "f0": 1e9, 'a "quoted" name': "never seen"}
        told = predict(url, odd)
        assert {warning["column"] for warning in told["warnings"]} == {"f0", 'a "quoted" name'}
        assert told["predictions"][0]["prediction"] in ("no", "späte Kündigung")
    finally:
        fresh.mlops("local", "down", "--env", "staging")


def test_amounts_of_any_size_and_every_type_of_parquet(fresh: LivingProject, tmp_path: Path) -> None:
    rng, n = np.random.default_rng(2), 2000
    x, z = rng.normal(size=n), rng.normal(size=n)
    amount = np.where(z < -0.3, 0.0, np.exp(1.5 * x + z) * 1000).round(2)  # predictions near 0 beside large ones
    when = np.datetime64("2024-01-01T00:00") + np.arange(n) * np.timedelta64(90, "m")
    table = pa.table(
        {
            "amount": pa.array(amount),
            "x": pa.array([Decimal(f"{value:.4f}") for value in x]),
            "z": pa.array(z.astype(np.float16)),
            "kind": pa.array(rng.choice(["a", "b", None], n, p=[0.5, 0.4, 0.1])).dictionary_encode(),
            "at": pa.array(when.astype("datetime64[ns]"), pa.timestamp("ns", "America/New_York")),
            "day": pa.array(when.astype("datetime64[D]"), pa.date32()),
            "count": pa.array([None if i % 5 == 0 else i % 13 for i in range(n)], pa.int64()),
            "flag": pa.array([None if i % 7 == 0 else i % 2 == 0 for i in range(n)]),
            "nothing": pa.nulls(n),
            "far": pa.array(rng.integers(2**60, 2**62, n)),
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    decided = trained(fresh, tmp_path / "t.parquet", "amount")
    assert "task: regression" in decided and "'nothing': excluded" in decided and "'far': excluded" in decided
    assert fresh.mlops("gate").startswith("YES")


def test_few_rows_of_few_decimals_and_a_rare_class(fresh: LivingProject, tmp_path: Path) -> None:
    rng, n = np.random.default_rng(3), 150
    label = np.array([1, 2] * 71 + [3] * 8)
    frame = pd.DataFrame({f"length {i}": (label * 1.5 + rng.normal(0, 0.6, n)).round(1) for i in range(4)})
    frame.assign(species=label).to_csv(tmp_path / "t.csv", index=False)
    assert "task: multiclass" in trained(fresh, tmp_path / "t.csv", "species")
    assert report(fresh)["rows"] > 40
    assert "best possible" in fresh.mlops("gate")


def test_a_table_without_a_signal_is_told_no(fresh: LivingProject, tmp_path: Path) -> None:
    rng, n = np.random.default_rng(4), 1000
    frame = pd.DataFrame({"x": rng.normal(size=n), "c": rng.choice(list("abc"), n), "y": rng.choice([True, False], n)})
    frame.to_csv(tmp_path / "t.csv", index=False)
    trained(fresh, tmp_path / "t.csv", "y")
    said = fresh.mlops("gate", expect=1)
    assert said.startswith("NO: blocked by dummy.") and "the model is refused" in said


def test_sixty_thousand_rows_of_which_one_in_twenty_is_positive(fresh: LivingProject, tmp_path: Path) -> None:
    rng, n = np.random.default_rng(5), 60_000
    x = rng.normal(size=n)
    frame = pd.DataFrame(
        {
            "event": [f"{i:032x}" for i in rng.permutation(n)],
            "at": pd.date_range("2023-01-01", periods=n, freq="7min", tz="Europe/Berlin"),
            "x": np.where(rng.random(n) < 0.1, np.nan, x),
            "shop": [f"s{i}" for i in rng.integers(0, 90, n)],
            "note": [f"words of a person {i} {i % 977}" for i in range(n)],
            "constant": 7,
            "fraud": (x + 0.7 * rng.normal(size=n) > 2.0).astype(float),
        }
    )
    frame.to_parquet(tmp_path / "t.parquet", index=False)
    decided = trained(fresh, tmp_path / "t.parquet", "fraud")
    assert "two values, 0 and 1" in decided and "'event': tagged id" in decided and "'note': excluded" in decided
    assert report(fresh)["rows"] == 12_000
    assert fresh.mlops("gate").startswith("YES")


def test_the_next_file_of_the_same_table(
    project: LivingProject, more: Callable[[int, int], pd.DataFrame], tmp_path: Path
) -> None:
    new = more(2400, 600)
    values = new.assign(size=["XXL", *new["size"][1:]], gift=[None, *new["gift"][1:]], **{"unit price": "cheap"})
    values.to_csv(tmp_path / "values.csv", index=False)
    said = project.mlops("data", "add", str(tmp_path / "values.csv"), expect=1)
    assert re.search("1 of 600 values not one of .*'XXL' at row 1.*add the value", said, re.DOTALL)
    assert re.search("'gift'.*1 of 600 values are null, .* required", said, re.DOTALL)
    assert "600 of 600 values cannot be read as a number" in said and "in 3 places, listed above" in said
    new.rename(columns={"unit price": "Unit Price"}).to_csv(tmp_path / "renamed.csv", index=False)
    said = project.mlops("data", "add", str(tmp_path / "renamed.csv"), expect=1)
    assert re.search("column missing.*Is it 'Unit Price' there", said, re.DOTALL) and "in 1 place, listed" in said
    assert "byte for byte" in project.mlops("data", "add", "data/raw/0001-sales.csv", expect=2)
    assert project.git("status", "--porcelain") == ""
    new["sold at"] = pd.to_datetime(new["sold at"])  # as the next program writes it
    new.to_parquet(tmp_path / "sales.parquet", index=False)
    project.mlops("data", "add", str(tmp_path / "sales.parquet"))
    assert "3000 rows in 2 batches keep the contract; warnings: 0" in project.dvc("repro")
    project.commit("More sales")
    assert "orse than the champion" in project.mlops("gate") or "Better than" in project.mlops("report")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("t.parquet", b"PAR1\x15\x04", "cannot be read as Parquet"),
        ("t.csv", b"<!DOCTYPE html>\n<html></html>\n", "like a web page"),
        ("t.csv", "x,y\n1,a\n".encode("utf-16"), "UTF-16"),
        ("t.csv", b"x,y\n" + b"1,a\n2,b\n" * 5, "at least 50 are needed"),
        ("t.csv", b"y\n" + b"a\nb\n" * 90, "there is no other column"),
    ],
    ids=["torn", "web page", "UTF-16", "few rows", "one column"],
)
def test_what_cannot_be_used_is_one_message_and_writes_nothing(
    fresh: LivingProject, tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    (tmp_path / name).write_bytes(content)
    said = fresh.mlops("contract", "infer", str(tmp_path / name), "--target", "y", expect=2)
    assert said.startswith("mlops: ") and says in said and said.count("\n") == 1
    assert not any((fresh.path / file).exists() for file in FILES)
    assert fresh.git("status", "--porcelain") == ""
