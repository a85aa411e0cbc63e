"""What a server does with its predictions where it has a key: ids in the answers, and inputs in the files."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from mlops.contract.model import Contract, Scalar
from mlops.serving.journal import Journal
from mlops.serving.token_issue import Issued, Issuer
from mlops.serving.token_keys import Keys

encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Recorder:
    """Gives predictions their ids and keeps the rows that they were made from, without restricted columns."""

    def __init__(
        self,
        contract: Contract,
        issuer: Issuer,
        keys: Keys,
        journal: Journal | None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.issuer = issuer
        self.keys = keys
        self.journal = journal
        self.clock = clock
        self.release = encode(issuer.release).encode()
        self.secret = frozenset(column.name for column in contract.requested if column.restricted)

    def ids(
        self,
        body: bytes,
        rows: Sequence[Mapping[str, Any]],
        columns: dict[str, np.ndarray],
        scores: np.ndarray,
        labels: Sequence[Scalar],
    ) -> Sequence[str]:
        """Make the ids of the predictions of one request, and keep its rows.

        Args:
            body: The request as it came, in which no key is there twice.
            rows: The same, read.
            columns: Its inputs, arrays of shape (n,).
            scores: What the model gave.
            labels: The predictions.
        """
        issued = self.issuer.issue(self.keys.signing(), int(self.clock() * 1000), columns, scores, labels)
        if self.journal is not None:
            self.journal.inputs(self._line(issued, body, rows), len(rows))
        return issued.ids

    def _line(self, issued: Issued, body: bytes, rows: Sequence[Mapping[str, Any]]) -> bytes:
        if self.secret:
            kept = [{name: value for name, value in row.items() if name not in self.secret} for row in rows]
            body = encode({"rows": kept}).encode()
        else:
            # In JSON a line break is never inside a text, so it is only space between values.
            body = body.replace(b"\n", b" ").replace(b"\r", b" ")
        nonces = b"".join(issued.nonces).hex().encode()
        return b'{"at":%d,"release":%b,"nonces":"%b","request":%b}' % (issued.at, self.release, nonces, body)
