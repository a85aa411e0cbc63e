"""Reads a CSV file as text, without guessing at values."""

from __future__ import annotations

import csv
import io
import re
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from mlops.contract.errors import MlopsError

DELIMITERS = (",", ";", "\t")
SAMPLE = 200
LONGEST_FIELD = 10_000_000
OTHER_TEXT = re.compile(rb"<(!doctype|html|head|\?xml|table)\b|\[\s*[{\[]|\{\s*[\"}]", re.IGNORECASE)
LINE_END = re.compile(r"\r\n|\r|\n")


def read_csv(path: Path) -> pd.DataFrame:
    """Read every field as text; an empty one stays "".

    Raises:
        MlopsError: Not UTF-8, no header, rows of another length, or a quote that is never closed.
    """
    text = _decode(path)
    delimiter = sniff(text)
    header = _header(text, delimiter, path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                io.StringIO(text), sep=delimiter, names=header, header=0, index_col=False, dtype=object, na_filter=False
            )
    except (pd.errors.ParserError, pd.errors.ParserWarning, ValueError) as error:
        raise _misshapen(text, delimiter, len(header), path, error) from error
    return _whole(frame, text, delimiter, path)


def _decode(path: Path) -> str:
    content = path.read_bytes()
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in (content[:1], content[1:2]):
        raise MlopsError(f"{str(path)!r} is UTF-16 text. Save it as UTF-8.")
    if content.startswith((b"PAR1", b"PK\x03\x04", b"\x1f\x8b")) or b"\x00" in content:
        raise MlopsError(f"{str(path)!r} is not text, whatever its name says. Name a CSV file.")
    if other := OTHER_TEXT.match(content[:500].lstrip()):
        raise MlopsError(
            f"{str(path)!r} is no CSV: it begins with {other[0].decode()!r}, like a web page or JSON. "
            "Look into it, and save the table as CSV."
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise MlopsError(
            f"{str(path)!r} is not UTF-8 text: byte {content[error.start : error.start + 1]!r} in line {line}. "
            "Save it as UTF-8."
        ) from error
    if not text.strip():
        raise MlopsError(f"{str(path)!r} holds only blank lines. Write a header line and rows.")
    return text


def sniff(text: str) -> str:
    """Find the delimiter: the one under which the first records have the same, largest number of fields."""
    best, fields = ",", 1
    for delimiter in DELIMITERS:
        counts = Counter(len(record) for record in _records(text, delimiter))
        if not counts:
            continue
        usual, often = counts.most_common(1)[0]
        if usual > fields and often >= 0.9 * counts.total():
            best, fields = delimiter, usual
    return best


def _records(text: str, delimiter: str, limit: int = SAMPLE) -> list[list[str]]:
    csv.field_size_limit(LONGEST_FIELD)
    found: list[list[str]] = []
    try:
        for record in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            if record:
                found.append(record)
            if len(found) >= limit:
                break
    except csv.Error:
        return []
    return found


def _header(text: str, delimiter: str, path: Path) -> list[str]:
    records = _records(text, delimiter, 1)
    if not records:
        raise MlopsError(
            f"{str(path)!r} has no header line that can be read. Write the column names in the first line."
        )
    check_names(records[0], path)
    return records[0]


def check_names(names: Sequence[str], path: Path) -> None:
    """Refuse columns without a name and columns with the same name.

    Raises:
        MlopsError: Naming the columns.
    """
    for position, name in enumerate(names, 1):
        if not name.strip():
            hint = "Name it, or remove the column."
            if position == 1:
                hint = "It is a saved row number or name: write without it (pandas: index=False), or name it."
            raise MlopsError(f"{str(path)!r}: column {position} of {len(names)} has no name. {hint}")
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise MlopsError(
            f"{str(path)!r}: column names that are there more than once: {repeated!r}. Rename or remove them."
        )


def _whole(frame: pd.DataFrame, text: str, delimiter: str, path: Path) -> pd.DataFrame:
    # pandas fills what a short row lacks with "", as if the fields were there and empty.
    fields = len(frame.columns)
    if fields > 1 and (frame.iloc[:, -1] == "").any() and _odd_record(text, delimiter, fields):
        raise _misshapen(text, delimiter, fields, path, ValueError("a row is too short"))
    return frame


def _odd_record(text: str, delimiter: str, fields: int) -> tuple[int, int, int] | None:
    """Find the first record of another length: its first and last line, and its number of fields."""
    csv.field_size_limit(LONGEST_FIELD)
    reader, last = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), 0
    for record in reader:
        if record and len(record) != fields:
            return last + 1, reader.line_num, len(record)
        last = reader.line_num
    return None


def _misshapen(text: str, delimiter: str, fields: int, path: Path, error: Exception) -> MlopsError:
    try:
        odd = _odd_record(text, delimiter, fields)
    except csv.Error as inner:
        odd, error = None, inner
    if odd is None:
        return MlopsError(f"{str(path)!r} cannot be read as CSV: {' '.join(str(error).split())}. Correct the file.")
    first, last, found = odd
    where = f"line {first}" if first == last else f"the record of lines {first} to {last}"
    step = "Quote fields that hold the delimiter." if found > fields else "Was it cut off?"
    if _ends_by_return(text, (first - 1, last)):
        step = "A carriage return inside a field ends the row there: quote the field, or take the return out."
    elif last - first > 1:
        step = f"Close the quote that is opened in line {first}."
    return MlopsError(
        f"{str(path)!r}: {where} has {found} field{'s' * (found != 1)}, the header has {fields} "
        f"(delimiter {delimiter!r}). {step}"
    )


def _ends_by_return(text: str, lines: Sequence[int]) -> bool:
    """Whether one of some lines ends with a carriage return alone, as pandas writes such a field, and most do not."""
    ends = [found[0] for found in LINE_END.finditer(text)]
    returned = any(0 < line <= len(ends) and ends[line - 1] == "\r" for line in lines)
    return returned and ends.count("\r") < len(ends) / 2
