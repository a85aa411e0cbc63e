from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from unit.data.tables import contract

from mlops.contract.columns import to_columns as from_json
from mlops.contract.errors import MlopsError
from mlops.data.csv_text import sniff
from mlops.data.table import joined, read_raw, replaced, to_columns, to_json, typed

NY = "customProperties: [{property: timezone, value: America/New_York}]\n"
Y = "name: y, tags: [target], logicalType: number"
KINDS = ("number", "integer", "boolean", "string", "date", "timestamp")
ALL = contract(Y, *(f"name: {k}, logicalType: {k}" for k in KINDS), head=NY)
UTC = dt.UTC
FIVE = dt.datetime(2020, 1, 1, 5)


def arrow() -> pa.Table:
    when = [dt.datetime(2020, 1, 1, 5, 0, 0, 5), None, dt.datetime(2020, 3, 8, 2, 30)]
    return pa.table(
        {
            "y": [1.0, 2.0, 3.0],
            "number": [1.5, float("nan"), None],
            "integer": [1, None, 2**53],
            "boolean": [True, None, False],
            "string": ["a", "", None],
            "date": pa.array([dt.date(2020, 1, 1), None, dt.date(1900, 1, 1)]),
            "timestamp": pa.array(when, pa.timestamp("ns")),
        }
    )


CSV = """\
y;number;integer;boolean;string;date;timestamp
1;1.5;1;TRUE;"a;
""b"" c";2020-01-01;2020-01-01 05:00:00.000005
2;NA;;null;NA;NaN;
3; -1e3 ;-7;false;;1900-01-01;2020-07-08T02:30:00+00:00
"""


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_the_servers_way_gives_the_same_arrays(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"t.{ending}"
    path.write_text(CSV, encoding="utf-8") if ending == "csv" else pq.write_table(arrow(), path)
    found = typed(read_raw(path), ALL, path.name)
    assert not found.invalid
    assert [str(dtype) for dtype in found.frame.dtypes] == [
        *("float64", "float64", "Int64", "boolean", "object", "datetime64[us]", "datetime64[us]")
    ]
    direct, served = to_columns(found.frame, ALL), from_json(ALL, to_json(found.frame, ALL))
    assert list(direct) == list(KINDS)
    for name in direct:
        assert direct[name].dtype == served[name].dtype
        np.testing.assert_array_equal(direct[name], served[name])


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        (pa.array([Decimal("1.25"), None]), "number", [1.25, None]),
        (pa.array([1, None], pa.uint8()), "integer", [1, None]),
        (pa.array([1.0, None]), "integer", [1, None]),
        (pa.array(["x", None]).dictionary_encode(), "string", ["x", None]),
        (pa.array(["x", None], pa.large_string()), "string", ["x", None]),
        (pa.nulls(2), "number", [None, None]),
        (pa.nulls(2), "string", [None, None]),
        (pa.nulls(2), "timestamp", [None, None]),
        (
            pa.array([FIVE.replace(tzinfo=UTC), None], pa.timestamp("s", "UTC")),
            "timestamp",
            ["2020-01-01T00:00:00", None],
        ),
        (pa.array([FIVE.replace(hour=0), None], pa.timestamp("ms")), "date", ["2020-01-01", None]),
        (pa.array([FIVE.date(), None], pa.date64()), "timestamp", ["2020-01-01T00:00:00", None]),
        (pa.array(["2020-01-01T05:00:00Z", None]), "timestamp", ["2020-01-01T00:00:00", None]),
    ],
)
def test_parquet_types_become_kinds(values: pa.Array, kind: str, expected: list[object], tmp_path: Path) -> None:
    pq.write_table(pa.table({"y": [1.0, 2.0], "x": values}), tmp_path / "t.parquet")
    own = contract(Y, f"name: x, logicalType: {kind}", head=NY)
    found = typed(read_raw(tmp_path / "t.parquet"), own, "t")
    assert not found.invalid
    assert to_json(found.frame, own)["x"] == expected


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (pa.array(["1"]), "number"),
        (pa.array([True]), "number"),
        (pa.array([1]), "boolean"),
        (pa.array([1]), "string"),
        (pa.array([1.5]), "integer"),
        (pa.array([2**53 + 1]), "integer"),
        (pa.array([float("inf")]), "number"),
        (pa.array([20200101]), "date"),
        (pa.array([dt.datetime(2020, 1, 1, 5)]), "date"),
    ],
)
def test_a_parquet_value_of_another_type_is_invalid(values: pa.Array, kind: str, tmp_path: Path) -> None:
    pq.write_table(pa.table({"y": [1.0], "x": values}), tmp_path / "t.parquet")
    own = contract(Y, f"name: x, logicalType: {kind}")
    found = typed(read_raw(tmp_path / "t.parquet"), own, "t")
    assert list(found.invalid["x"]) == values.to_pylist()


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        ("number", "3,5 inf 0x10 1_000 True"),
        ("integer", "1.5 9007199254740993"),
        ("boolean", "1 yes"),
        ("date", "01/02/2020 20200102"),
        ("timestamp", "2020 2020-01-01T25:00"),
    ],
)
def test_csv_text_that_is_no_value_is_invalid(kind: str, texts: str) -> None:
    own = contract(Y, f"name: x, logicalType: {kind}")
    found = typed(pd.DataFrame({"y": "1", "x": texts.split()}, dtype=object), own, "t")
    assert list(found.invalid["x"]) == texts.split()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty: 0 bytes"),
        (b"\n \n", "only blank lines"),
        (b"a,b\n", "no rows"),
        (b"a,a\n1,2\n", r"more than once: \['a'\]"),
        (b",a\n1,2\n", "column 1 of 2 has no name.*row number"),
        (b"a,b,\n1,2,3\n", "column 3 of 3 has no name"),
        (b"a,b\n1,2\n1,2,3\n", "line 3 has 3 fields, the header has 2"),
        (b"a,b\n1,2\n1\n", "line 3 has 1 field, the header has 2"),
        (b'a,b\n1,"2\n3,4\n', "cannot be read as CSV"),
        (b"a,b\n1,2\nx\ry,2\n1,2\n", "line 3 has 1 field.*carriage return inside a field"),
        (b"a,b\n1,2\n1,x\ry\n1,2\n", "line 4 has 1 field.*carriage return inside a field"),
        (b"a,b\r1,2\r1\r", "line 3 has 1 field.*cut off"),
        ("a,b\ncafé,1\n".encode("latin-1"), r"not UTF-8 text: byte b'\\xe9' in line 2"),
        ("a,b\n1,2\n".encode("utf-16"), "UTF-16"),
        (b"a,b\n1,\x00\n", "is not text"),
        (b"PK\x03\x04rest", "is not text"),
    ],
)
def test_a_csv_that_is_no_table_is_told(content: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(MlopsError, match=says):
        read_raw(tmp_path / "t.csv")


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (pa.table({"a": [[1], [2]]}), "column 'a' is of the type 'list"),
        (pa.table({"a": [{"b": 1}]}), "struct"),
        (pa.table({"a": [b"1"]}), "binary"),
        (pa.table({"a": [dt.time(1)]}), "time64"),
        (pa.table({"a": pa.array([], pa.int64())}), "no rows"),
        (pa.table([[1], [2]], names=["a", "a"]), "more than once"),
    ],
)
def test_a_parquet_that_is_no_flat_table_is_told(table: pa.Table, says: str, tmp_path: Path) -> None:
    pq.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(MlopsError, match=says):
        read_raw(tmp_path / "t.parquet")


def test_what_is_no_file_of_a_table_is_told(tmp_path: Path) -> None:
    (tmp_path / "t.xlsx").write_bytes(b"x")
    (tmp_path / "t.parquet").write_bytes(b"garbage, longer than a footer")
    told = {"": "is not a file", "no.csv": "does not exist", "t.xlsx": "unknown", "t.parquet": "Parquet"}
    for name, says in told.items():
        with pytest.raises(MlopsError, match=says):
            read_raw(tmp_path / name)


def test_the_byte_order_mark_and_the_index_of_pandas_are_no_columns(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"\xef\xbb\xbfa,b\r\n1,2\r\n")
    pd.DataFrame({"a": [1, 2]}, index=[5, 7]).to_parquet(tmp_path / "t.parquet")
    assert list(read_raw(tmp_path / "t.csv").columns) == ["a", "b"]
    assert list(read_raw(tmp_path / "t.parquet").columns) == ["a"]


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("a,b\n1,2\n", ","),
        ("a;b\n1,5;2\n", ";"),
        ("a\tb\n1,5\t2;3\n", "\t"),
        ("a\n1\n", ","),
        ('a,b\n"x;y;z",1\n', ","),
    ],
)
def test_the_delimiter_is_the_one_that_makes_a_table(text: str, delimiter: str) -> None:
    assert sniff(text) == delimiter


def test_a_missing_column_is_told_with_the_near_one() -> None:
    with pytest.raises(MlopsError, match=r"t\.csv: column 'number' is missing\. Did you mean 'numbr'"):
        typed(pd.DataFrame({"y": ["1"], "numbr": ["1"]}), ALL, "t.csv")


def test_a_column_called_self_is_a_column_like_others() -> None:
    first, second = pd.DataFrame({"self": [1, 2]}), pd.DataFrame({"self": ["no"]})
    assert list(joined([first, second])["self"]) == [1, 2, "no"]
    assert list(replaced(first, {"self": [3, 4]})["self"]) == [3, 4] and list(first["self"]) == [1, 2]
