"""What tables of other people taught: each of these was wrong once."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from unit.data.tables import contract

from mlops.contract.document import parse
from mlops.contract.errors import MlopsError
from mlops.data import batches
from mlops.data.check import check
from mlops.data.infer import Proposal, infer
from mlops.data.table import joined, read_raw, typed
from mlops.data.violation import Violation
from mlops.pipeline.validate import untold

Y = "name: y, tags: [target], logicalType: number"


def table(n: int = 300, **more: Any) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    x = rng.normal(size=n)
    base = {"x": x, "z": rng.normal(size=n), "y": np.where(x + rng.normal(size=n) > 0.3, "good", "bad")}
    return pd.DataFrame(base | more)


def propose(frame: pd.DataFrame, folder: Path, **asked: Any) -> Proposal:
    frame.to_csv(folder / "t.csv", index=False)
    return infer(folder / "t.csv", "y", **asked)


def tags(proposal: Proposal) -> dict[str, list[str]]:
    return {column.name: sorted(column.roles) for column in parse(proposal.contract_yaml).columns if column.roles}


@pytest.mark.parametrize("name", ["Unnamed: 0", "index", "rownames", "row"])
@pytest.mark.parametrize("first", [0, 1])
def test_a_row_number_is_kept_out_since_the_next_file_counts_anew(name: str, first: int, tmp_path: Path) -> None:
    proposal = propose(table(**{name: range(first, first + 300)}), tmp_path)
    assert tags(proposal)[name] == ["excluded"]
    assert any("begin anew" in line for line in proposal.decisions)


def test_an_identifier_that_counts_up_is_one(tmp_path: Path) -> None:
    assert tags(propose(table(order_id=range(5000, 5300)), tmp_path))["order_id"] == ["id"]
    assert tags(propose(table(index=np.random.default_rng(0).permutation(300)), tmp_path))["index"] == ["id"]


def test_rows_without_a_target_are_left_out_though_nothing_says_that_they_are_young(tmp_path: Path) -> None:
    proposal = propose(table().assign(y=["a", "b", None] * 100), tmp_path)
    assert not parse(proposal.contract_yaml).target.required
    assert any("null in 100 of 300 rows, left out" in line for line in proposal.decisions)


def test_an_id_of_several_rows_is_a_group(tmp_path: Path) -> None:
    assert tags(propose(table(id=np.arange(300) // 4), tmp_path))["id"] == ["group"]


@pytest.mark.parametrize("repeated", [1, 2])
def test_many_numbers_with_a_decimal_comma_are_kept_out_and_neither_names_nor_words(
    repeated: int, tmp_path: Path
) -> None:
    rows = table(price=[f"{i},5" for i in range(300)])
    proposal = propose(pd.concat([rows] * repeated), tmp_path)
    assert tags(proposal)["price"] == ["excluded"]
    assert any("'price'" in line and "decimal comma" in line for line in proposal.decisions)


@pytest.mark.parametrize(
    ("y", "says"),
    [([0, 1], "two values, 0 and 1"), ([True, False], "two values, False and True"), (["b", "a"], "'a' and 'b'")],
)
def test_labels_are_shown_as_they_are(y: list[Any], says: str, tmp_path: Path) -> None:
    assert any(says in line for line in propose(table().assign(y=y * 150), tmp_path).decisions)


@pytest.mark.parametrize(
    ("change", "asked", "says"),
    [
        ({"y": [0.5, 1.5] * 150}, {"task": "binary"}, "2 different values.*whole numbers or as text"),
        ({"y": [*np.arange(299.0), np.inf]}, {}, "1 of its values such as 'inf'"),
        ({"y": [*map(str, np.arange(299.0)), "oops"]}, {}, "nearly all are numbers, but not 'oops'"),
        ({"x": 1, "z": np.arange(300) % 2, "y": ["a", "b"] * 150}, {}, "rows are split.*would lack the class"),
        ({"x": 1, "z": range(300)}, {}, "'x' the same in every row.*'z' is the id"),
        ({"y": "a"}, {}, r"is 'a' in all 300 rows.*with --target\.$"),
    ],
)
def test_a_table_that_cannot_be_used_says_what_is_wrong(
    change: dict[str, Any], asked: dict[str, Any], says: str, tmp_path: Path
) -> None:
    with pytest.raises(MlopsError, match=says) as told:
        propose(table().assign(**change), tmp_path, **asked)
    assert told.value.exit_code == 2


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"<!DOCTYPE html>\n<html><body>a, b</body></html>\n", "begins with '<!DOCTYPE', like a web page"),
        (b'[{"x": 1, "y": 2}]\n', "like a web page or JSON"),
        ("x,y\n1,2\n".encode("utf-16-le"), "is UTF-16 text"),
        (b'x,y\n1,2\n"3,4\n5,6\n7,8\n', "record of lines 3 to 5 has 1 field, .* Close the quote .* line 3"),
        (b"x,y\n1,2\n3\n", r"line 3 has 1 field, the header has 2 .* cut off"),
    ],
)
def test_a_file_that_is_no_csv_says_what_it_is(content: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(MlopsError, match=says):
        read_raw(tmp_path / "t.csv")


def test_what_is_no_parquet_ends_in_one_full_stop(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_bytes(b"x,y\n1,2\n" * 9)
    with pytest.raises(MlopsError, match=r"[^.]\. Write the file again\.$"):
        read_raw(tmp_path / "t.parquet")


def test_what_can_be_inferred_from_can_be_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "dvc_add", lambda root, path: None)
    for ending, kept in ((".tsv", ".csv"), (".txt", ".csv"), (".PQ", ".parquet")):
        file = tmp_path / f"t{ending}"
        file.write_text(f"x\ty\n1\t{ending}\n")
        assert batches.add(tmp_path, file).path.suffix == kept


def test_a_file_that_is_a_batch_already_is_not_added_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "dvc_add", lambda root, path: None)
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("x,y\n1,2\n")
    batches.add(tmp_path, tmp_path / "a.csv")
    with pytest.raises(MlopsError, match=r"b\.csv' is here already.* data/raw/0001-a\.csv"):
        batches.add(tmp_path, tmp_path / "b.csv")
    assert [path.name for path in (tmp_path / "data" / "raw").iterdir()] == ["0001-a.csv"]


EVERY_KIND = contract(
    "name: y, tags: [target], logicalType: number",
    "name: day, logicalType: date",
    "name: at, logicalType: timestamp",
    "name: local, logicalType: timestamp",
    "name: ok, logicalType: boolean",
    "name: n, logicalType: integer",
    "name: word, logicalType: string",
    "name: price, logicalType: number",
)


def stored() -> pa.Table:
    """One table of every kind, as other programs write them."""
    moments = [datetime(2024, 5, 1, 12), None, datetime(2024, 5, 1, 13, 30, 0, 250_000)]
    return pa.table(
        {
            "y": pa.array([1.5, -2.0, None]).cast(pa.float16(), safe=False),
            "day": pa.array([date(2024, 5, 1), None, date(1950, 1, 2)]),
            "at": pa.array(moments, pa.timestamp("ns")),
            "local": pa.array(moments, pa.timestamp("ms", "Europe/Berlin")),
            "ok": [True, None, False],
            "n": [1, None, 2**53],
            "word": pa.array(["a", None, "b"]).dictionary_encode(),
            "price": pa.array([Decimal("1.50"), None, Decimal("-0.25")]),
        }
    )


def test_batches_of_csv_and_parquet_are_one_table(tmp_path: Path) -> None:
    pq.write_table(stored(), tmp_path / "b.parquet")
    written = read_raw(tmp_path / "b.parquet")
    alone = typed(written, EVERY_KIND, "b")
    text = pd.DataFrame({column.name: ["" if column.name != "word" else "c"] for column in EVERY_KIND.columns})
    both = typed(joined([text.astype(object), written]), EVERY_KIND, "both")
    assert (alone.invalid, both.invalid) == ({}, {})
    pd.testing.assert_frame_equal(both.frame.iloc[1:].reset_index(drop=True), alone.frame)
    assert check(joined([text.astype(object), written]), EVERY_KIND) == []


def test_parquet_files_that_differ_in_their_types_are_one_table(tmp_path: Path) -> None:
    other = stored().set_column(1, "day", pa.array([datetime(2024, 5, 1), None, datetime(1950, 1, 2)]))
    other = other.set_column(6, "word", pa.array(["c", "a", None], pa.large_string()))
    frames = []
    for number, part in enumerate((stored(), other)):
        pq.write_table(part, tmp_path / f"{number}.parquet")
        frames.append(read_raw(tmp_path / f"{number}.parquet"))
    whole = typed(joined(frames), EVERY_KIND, "both")
    parts = [typed(frame, EVERY_KIND, "part").frame for frame in frames]
    assert whole.invalid == {}
    pd.testing.assert_frame_equal(whole.frame, pd.concat(parts, ignore_index=True))


def test_what_the_newest_batch_breaks_is_told_once() -> None:
    def broken(*values: str) -> list[Violation]:
        return check(pd.DataFrame({"y": values, "x": "1"}, dtype=object), contract(Y, "name: x, logicalType: number"))

    newest, whole, older = broken("1", "b"), broken("1", "b", "2", "3"), broken("1", "b", "2", "c")
    assert len(newest) == len(whole) == 1
    assert untold(whole, newest) == []
    assert untold(older, newest) == older


def test_parquet_of_another_type_says_how_it_is_stored(tmp_path: Path) -> None:
    pq.write_table(pa.table({"y": ["1", None, "2"], "x": [1, 2, 3]}), tmp_path / "t.parquet")
    (found,) = check(tmp_path / "t.parquet", contract(Y, "name: x, logicalType: number"))
    assert "2 of 3 values are stored as string, not as a number" in str(found)
