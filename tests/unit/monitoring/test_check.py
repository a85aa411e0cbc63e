"""`mlops monitoring profile` and `check`, on files as people have them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlops.commands import monitoring
from mlops.contract.errors import MlopsError


def rows(n: int, seed: int, shift: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "a.b": rng.normal(shift, 1, n),
            "größe €": rng.choice(list("xyz"), n),
            "flag": rng.random(n) < 0.5,
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 9, n) + 30 * seed, unit="D"),
            "nothing": [None] * n,
            "same": 7,
            "text": [f"w{value}" for value in rng.integers(0, 100_000, n)],
            "id": np.arange(n) + seed * n,
            "self": np.where(rng.random(n) < 0.1, np.nan, rng.integers(0, 90, n)),
        }
    )


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is in no project, with a reference of each format."""
    monkeypatch.chdir(tmp_path)
    rows(2000, 1).to_csv("reference.csv", index=False)
    monitoring.profile(Path("reference.csv"), Path("p.json"))
    return tmp_path


def check(name: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str], str]:
    capsys.readouterr()
    code = 0
    try:
        monitoring.check(Path(name), Path("p.json"), as_json=True, predictions=False)
    except SystemExit as end:
        code = int(end.code or 0)
    out = capsys.readouterr().out
    return code, json.loads(out.splitlines()[-1])["drifted"], out


def test_the_same_table_in_another_format_has_not_drifted(capsys: pytest.CaptureFixture[str]) -> None:
    rows(1500, 2).assign(extra=1).to_csv("clean.csv", index=False, sep=";", encoding="utf-8-sig")
    rows(1500, 2).to_parquet("clean.parquet")
    for name in ("clean.csv", "clean.parquet"):
        code, drifted, out = check(name, capsys)
        assert (code, drifted) == (0, []), out
        assert "None of 9 columns has drifted." in out


def test_a_profile_of_parquet_reads_a_csv_file(capsys: pytest.CaptureFixture[str]) -> None:
    rows(2000, 1).to_parquet("reference.parquet")
    monitoring.profile(Path("reference.parquet"), Path("p.json"))
    rows(1500, 2).to_csv("clean.csv", index=False)
    assert check("clean.csv", capsys)[:2] == (0, [])


def test_what_drifted_is_named_with_rule_numbers_and_plain_words(capsys: pytest.CaptureFixture[str]) -> None:
    moved = rows(1500, 3, shift=0.5).assign(same=8, nothing=1.5, flag=None)
    moved.to_csv("moved.csv", index=False)
    code, drifted, out = check("moved.csv", capsys)
    assert (code, drifted) == (1, ["a.b", "flag", "nothing", "same"])
    assert "'a.b', distribution: it is spread otherwise: (" in out
    assert "'flag', nulls: it is more often null: in 100.0 % of the rows, 0.0 % in the reference." in out
    assert "evidence G" in out


def test_twenty_rows_show_nothing_and_say_so(capsys: pytest.CaptureFixture[str]) -> None:
    rows(20, 3, shift=9).to_csv("few.csv", index=False)
    code, drifted, out = check("few.csv", capsys)
    assert (code, drifted) == (0, [])
    assert "20 rows cannot show drift: each rule needs 100 of them." in out


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.csv", b"", "0 bytes"),
        ("header.csv", b"a.b,flag\n", "no rows"),
        ("junk.csv", b"a,b\n\x00\x01" * 99, "is not text"),
        ("junk.parquet", b"junk" * 99, "cannot be read as Parquet"),
        ("other.csv", b"x\n1\n", r"columns 'a\.b', .* are missing"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_message(name: str, content: bytes, words: str) -> None:
    Path(name).write_bytes(content)
    with pytest.raises(MlopsError, match=words) as error:
        monitoring.check(Path(name), Path("p.json"), as_json=True, predictions=False)
    assert error.value.exit_code == 2
    assert len(str(error.value).splitlines()) == 1


def test_a_truncated_parquet_file_cannot_be_used() -> None:
    rows(500, 2).to_parquet("whole.parquet")
    whole = Path("whole.parquet").read_bytes()
    for size in (100, len(whole) // 2, len(whole) - 1):
        Path("cut.parquet").write_bytes(whole[:size])
        with pytest.raises(MlopsError, match="cannot be read as Parquet"):
            monitoring.check(Path("cut.parquet"), Path("p.json"), as_json=False, predictions=False)


def test_a_value_of_another_type_is_named() -> None:
    mixed = rows(500, 2).astype({"self": object})
    mixed.loc[4, "self"] = "oops"
    mixed.to_csv("mixed.csv", index=False)
    with pytest.raises(MlopsError, match=r"column 'self': 1 value is no number \(for example 'oops' in row 5\)"):
        monitoring.check(Path("mixed.csv"), Path("p.json"), as_json=True, predictions=False)


def test_one_row_and_nulls_alone_make_a_profile(capsys: pytest.CaptureFixture[str]) -> None:
    for frame in (pd.DataFrame({"x": [1]}), pd.DataFrame({"x": [None] * 300, "y": 1})):
        frame.to_csv("small.csv", index=False)
        monitoring.profile(Path("small.csv"), Path("p.json"))
        assert check("small.csv", capsys)[:2] == (0, [])


def test_without_a_project_a_profile_must_be_named() -> None:
    with pytest.raises(MlopsError, match="Name one with --profile"):
        monitoring.check(Path("reference.csv"), None, as_json=False, predictions=False)
    with pytest.raises(MlopsError, match="no readable profile"):
        monitoring.check(Path("reference.csv"), Path("reference.csv"), as_json=False, predictions=False)


PROJECT = '[project]\nname = "p"\n[tool.mlops]\npackage = "p"\nfeatures = "p.features"\nmodel = "p.model"\n'
CONTRACT = """
apiVersion: v3.2.0
kind: DataContract
id: t
version: 1.0.0
schema:
  - name: t
    properties:
      - {name: y, tags: [target], logicalType: boolean}
      - {name: code, logicalType: string}
      - {name: "a.b", logicalType: number, classification: restricted}
"""


def test_in_a_project_the_contract_says_what_a_column_is(capsys: pytest.CaptureFixture[str]) -> None:
    Path("pyproject.toml").write_text(PROJECT, encoding="utf-8")
    Path("contract.yaml").write_text(CONTRACT, encoding="utf-8")
    frame = pd.DataFrame({"code": np.tile([1, 2], 300), "a.b": np.arange(600.0), "id": np.arange(600)})
    frame.to_csv("ours.csv", index=False)
    monitoring.profile(Path("ours.csv"), Path("p.json"))
    assert "as contract.yaml 1.0.0 says" in capsys.readouterr().out
    held = json.loads(Path("p.json").read_text(encoding="utf-8"))["monitored"]
    assert [(column["name"], column["form"]) for column in held] == [("code", "category"), ("a.b", "presence")]
    frame["a.b"] = "123-45"
    frame.to_csv("ours.csv", index=False)
    with pytest.raises(MlopsError, match=r"column 'a\.b': 600 values") as error:
        monitoring.check(Path("ours.csv"), Path("p.json"), as_json=False, predictions=False)
    assert "123-45" not in str(error.value)
    monitoring.profile(Path("reference.csv"), Path("q.json"))
    assert "as its values look" in capsys.readouterr().out
