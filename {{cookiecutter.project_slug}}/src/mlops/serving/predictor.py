"""From the bytes of a request to the bytes of its answer: no network, no framework."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlops.contract.columns import to_columns
from mlops.contract.model import Scalar
from mlops.contract.request import Checked, Checker, Finding
from mlops.serving.body import Refusal, rows_of
from mlops.serving.feedback_record import Recorder
from mlops.serving.profile import NAME as PROFILE
from mlops.serving.profile import Profile, load_profile
from mlops.serving.record import Facts, sha256_of, verify
from mlops.serving.scorer import Scorer

SHOWN = 100


@dataclass(frozen=True)
class Answer:
    """The bytes of an answer, and what they were made of."""

    body: bytes
    checked: Checked
    scores: np.ndarray
    labels: Sequence[Scalar]


@dataclass(frozen=True)
class Predictor:
    """A verified bundle and what is known of its release."""

    scorer: Scorer
    checker: Checker
    model_sha256: str
    release: Facts | None = None
    profile: Profile | None = None
    recorder: Recorder | None = None

    @classmethod
    def load(cls, bundle: Path, release: Facts | None = None, threads: int = 1) -> Predictor:
        """Load a bundle, after its hashes were found to be those of the release.

        Raises:
            MlopsError: The bundle is not what the release names, or does not load.
        """
        if release is not None:
            verify(bundle, release)
        scorer = Scorer.load(bundle, threads)
        told = bundle / PROFILE
        profile = load_profile(told) if told.is_file() else None
        return cls(scorer, Checker(scorer.contract), sha256_of(bundle / "model.onnx"), release, profile)

    @property
    def version(self) -> dict[str, Any]:
        """What `/version` answers."""
        contract = self.scorer.contract
        return {
            "release": self.release,
            "model_sha256": self.model_sha256,
            "contract": {"id": contract.id, "version": contract.version, "sha256": contract.sha256},
        }

    def warm_up(self) -> None:
        """Score a row of nulls, so that no client waits for what is made at the first run.

        Raises:
            MlopsError: The model has no answer to such a row, which is no fault where every input is required.
        """
        names = [column.name for column in self.scorer.contract.inputs]
        self.scorer.scores(to_columns(self.scorer.contract, {name: [None] for name in names}, names), 1)

    def answer(self, body: bytes) -> bytes:
        """Answer the body of a request, and keep nothing but the answer."""
        return self.predict(body).body

    def predict(self, body: bytes) -> Answer:
        """Answer the body of a request.

        Raises:
            Refusal: The request is not one, or breaks the contract.
            MlopsError: The model gave no usable score.
        """
        rows = rows_of(body)
        checked = self.checker.check(rows)
        if checked.refusals:
            raise _refused(checked.refusals)
        scores = self.scorer.scores(checked.columns, len(rows))
        labels = self.scorer.predictions(scores)
        named = self.recorder.ids(body, rows, checked.columns, scores, labels) if self.recorder else ()
        found = {
            "predictions": list(self._predictions(checked, scores, labels, named)),
            "release": self.release["id"] if self.release else None,
            "warnings": [_told(warning) for warning in checked.warnings],
        }
        return Answer(json.dumps(found, allow_nan=False).encode(), checked, scores, labels)

    def _predictions(
        self, checked: Checked, scores: np.ndarray, labels: Sequence[Scalar], named: Sequence[str]
    ) -> Iterator[dict[str, Any]]:
        task = self.scorer.task
        none = [None] * len(scores)
        for label, score, name, signed in zip(labels, scores.tolist(), checked.ids or none, named or none, strict=True):
            answer: dict[str, Any] = {"prediction": label}
            if task.task == "binary":
                answer["probability"] = score[1]
            elif task.task == "multiclass":
                answer["probabilities"] = dict(zip(task.classes, score, strict=True))
            if name is not None:
                answer["id"] = name
            if signed is not None:
                answer["prediction_id"] = signed
            yield answer


def _refused(findings: Sequence[Finding]) -> Refusal:
    detail = [_told(finding) for finding in findings[:SHOWN]]
    if len(findings) > SHOWN:
        detail.append({"message": f"… and {len(findings) - SHOWN} more"})
    return Refusal(422, detail, {finding.place for finding in findings})


def _told(finding: Finding) -> dict[str, Any]:
    return {"row": finding.row, "column": finding.column, "rule": finding.rule, "message": str(finding)}
