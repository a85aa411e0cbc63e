"""From the bytes of a request to its rows, or a refusal that says why."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Literal, NoReturn

MAX_ROWS = 1000
MAX_BYTES = 8 * 2**20
Key = Literal["rows", "outcomes"]
SHAPES: dict[Key, str] = {
    "rows": '{"rows": [{column: value, ...}, ...]}',
    "outcomes": '{"outcomes": [{"prediction_id": text, "outcome": value}, ...]}',
}


# What the server writes down of a request that it refuses for its form.
FORMS = {400: "body", 405: "method", 408: "slow", 413: "too_long", 415: "compressed", 422: "body"}


class Refusal(Exception):
    """A request that is not answered with a prediction.

    `detail` is what the client reads; `places` is what the server writes down and counts: columns of the contract and
    the rules that are broken, each a word, with no column for a fault of the request's form. No text of the client.
    """

    def __init__(self, status: int, detail: Any, places: Iterable[tuple[str, str]] = ()) -> None:
        super().__init__(status)
        self.status = status
        self.detail = detail
        self.places = tuple(sorted(set(places))) or (("", FORMS[status]),)


def rows_of(body: bytes) -> list[dict[str, Any]]:
    """Read `{"rows": [{column: value, ...}, ...]}`.

    Raises:
        Refusal: The bytes are no JSON (400), or JSON of another shape (422).
    """
    rows = items_of(body, "rows")
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            raise Refusal(422, f"row {number} must be an object of column names and values")
    return rows


def items_of(body: bytes, key: Key) -> list[Any]:
    """Read a body that is a list under one key; what each item is, the caller judges.

    Raises:
        Refusal: The bytes are no JSON (400), or JSON of another shape (422).
    """
    form = SHAPES[key]
    document = _parse(body, form)
    if not isinstance(document, dict) or set(document) != {key}:
        raise Refusal(422, f"the body must be {form} and have no other key")
    items = document[key]
    if not isinstance(items, list) or not 1 <= len(items) <= MAX_ROWS:
        raise Refusal(422, f"{key!r} must be a list of 1 to {MAX_ROWS} {key}")
    return items


def _parse(body: bytes, form: str) -> Any:
    if not body.strip():
        raise Refusal(400, f"the body is empty: send {form}")
    try:
        document = json.loads(body.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=unique)
        if b"\\u" in body:
            json.dumps(document, ensure_ascii=False).encode("utf-8")
    except UnicodeDecodeError as error:
        raise Refusal(400, f"the body is not UTF-8 (byte {error.start})") from None
    except UnicodeEncodeError:
        raise Refusal(400, "the body has half of a surrogate pair in a string, which is no text") from None
    except RecursionError:
        raise Refusal(400, "the body is nested too deeply: a row is a flat object") from None
    except ValueError as error:
        raise Refusal(400, f"the body is not JSON: {error}") from None
    return document


def _no_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number; send null for a missing value")


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of its keys and values.

    Raises:
        ValueError: A key is there twice.
    """
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise ValueError(f"key {name[:80]!r} appears twice in one object")
            seen.add(name)
    return found
