"""Reports as `mlops gate` writes them, for what renders them."""

from __future__ import annotations

import copy
import math
from typing import Any

Json = dict[str, Any]
MODES = {"speed": {"mode": "off", "reason": "The machine of CI is shared."}}


def check(gate: str, outcome: str = "pass", words: str = "As it should be.", **details: Any) -> Json:
    return {"gate": gate, "outcome": outcome, "words": words, "details": details}


def group(column: str, name: str, rows: int, difference: float | None, answer: str, champion: float = 0.71) -> Json:
    known = difference is not None
    return {
        "column": column, "group": name, "rows": rows, "champion": champion if known else None,
        "challenger": champion + (difference or 0), "difference": difference,
        "low": difference - 0.02 if known else None, "high": difference + 0.02 if known else None, "answer": answer,
    }  # fmt: skip


GROUPS = [
    group("carrier", "EV", 4132, -0.0312, "worse"), group("carrier", "UA", 5011, 0.0121, "not worse"),
    group("carrier", "B6", 4402, 0.0042, "not worse"), group("carrier", "HA", 31, None, "too few rows"),
    group("carrier", "YV", 140, -0.0171, "cannot tell"), group("origin", "EWR", 9300, 0.0061, "not worse"),
    group("origin", "JFK", 8900, 0.0032, "not worse"), group("origin", "LGA", 8100, -0.0011, "not worse"),
    group("distance", "0–502", 6500, 0.0021, "not worse"), group("distance", "502–872", 6600, 0.0081, "not worse"),
    group("distance", "872–1389", 6400, -0.0051, "not worse"), group("distance", "over 1389", 6800, 0.01, "not worse"),
]  # fmt: skip
MEASURES = [
    {"measure": "demographic_parity", "challenger": 0.13, "low": -0.01, "high": 0.27, "ratio": 0.71, "champion": 0.11,
     "difference": 0.02, "difference_low": -0.01, "difference_high": 0.05, "answer": "not worse", "limit": None},
    {"measure": "equal_opportunity", "challenger": 0.21, "low": 0.11, "high": 0.31, "ratio": 0.61, "champion": 0.08,
     "difference": 0.13, "difference_low": 0.06, "difference_high": 0.2, "answer": "worse", "limit": 0.2},
]  # fmt: skip
FAIRNESS = [
    {
        "column": "age band",
        "groups": [
            {"group": "18–30", "rows": 810, "selection_rate": 0.31, "true_positive_rate": 0.61, "error_rate": 0.2},
            {"group": "31–60", "rows": 2210, "selection_rate": 0.41, "true_positive_rate": 0.72, "error_rate": 0.18},
            {"group": "over 60", "rows": 210, "selection_rate": 0.28, "true_positive_rate": 0.51, "error_rate": 0.26},
        ],
        "measures": MEASURES,
    }
]
BEHAVIOUR = [
    {"name": "more rain, no fewer delays", "rows": 2000, "violations": 31, "allowed": 20, "outcome": "warn",
     "example": {"carrier": "EV", "precipitation": 0.2, "before": 0.41, "after": 0.33}},
    {"name": "all optional inputs null", "rows": 2000, "violations": 0, "allowed": 0, "outcome": "pass",
     "example": None},
]  # fmt: skip
COMPARISON = {
    "champion": 0.7102, "challenger": 0.7216, "difference": 0.0114, "low": 0.0071, "high": 0.0158,
    "smallest_loss": 0.0063, "answer": "not worse",
}  # fmt: skip
WORST = [
    {"where": ["carrier is EV", "hour > 17.5"], "rows": 812, "loss": 0.71, "overall": 0.48, "loss_name": "log loss",
     "champion": 0.66},
]  # fmt: skip
SLICES = {"metric": "roc_auc", "margin": 0.015, "min_rows": 100, "groups": GROUPS, "worst": WORST}
CALIBRATION = {
    "ece": 0.021, "chance": 0.012, "low": 0.015, "high": 0.028, "brier": 0.162, "champion_ece": 0.024,
    "champion_brier": 0.166, "difference": -0.003, "difference_low": -0.009, "difference_high": 0.004,
    "answer": "not worse",
}  # fmt: skip
CHECKS = [
    check("data", words="Added: 0004-april.csv; none changed or dropped."),
    check("leak", words="No input alone gives the target."),
    check("dummy", words="roc_auc 0.7216 is 44.3% of the way from a dummy's 0.5000 to the best possible; 10% asked."),
    check("champion", words="Better than the champion: roc_auc +0.0114 (90 % interval +0.0071 to +0.0158)."),
    check("slices", "block", "Worse for carrier 'EV': roc_auc -0.0312, beyond the margin of 0.015.", **SLICES),
    check("fairness", "warn", "Equal opportunity: the gap grew by 0.13. Overridden until 2026-12-31 by ada.",
          declared=None, columns=FAIRNESS, overridden=True),
    check("calibration", words="Off by 0.021 on average, no more than the champion.", **CALIBRATION),
    check("behaviour", "warn", "31 of 2000 rows break 'more rain, no fewer delays'.", checks=BEHAVIOUR),
    check("size", words="The bundle weighs 0.4 MB; 100 MB are allowed.", bytes=412_332, champion_bytes=398_120,
          limit_mb=100),
    check("speed", words="Off: The machine of CI is shared.", off=True),
]  # fmt: skip


def curves(shift: float = 0.0) -> Json:
    """Curves of a model that ranks a little better with a greater shift."""
    steps = [i / 60 for i in range(61)]
    return {
        "roc": [[x, x ** (0.55 - shift)] for x in steps],
        "pr": [[x, (0.92 + shift) * (1 - 0.65 * x)] for x in steps],
        "calibration": [
            {"score": x, "rate": min(1, max(0, x + shift + 0.03 * math.sin(9 * x))), "rows": int(4000 * (1.05 - x))}
            for x in (0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95)
        ],
        "confusion": [[17400, 3100], [2500, 3300]],
        "classes": ["False", "True"],
    }


def regression_curves(shift: float = 0.0) -> Json:
    """Residuals that spread with what is predicted."""
    return {
        "residuals": [[i / 5, shift + (2 + i / 90) * math.sin(i * i)] for i in range(500)],
        "calibration": [{"score": 10.0 * x, "rate": 10.0 * x + math.sin(x), "rows": 500} for x in range(1, 11)],
    }


IMPORTANCE = {
    "metric": "roc_auc",
    "columns": [
        {"column": name, "drop": drop, "low": drop - 0.004, "high": drop + 0.004}
        for name, drop in [("scheduled_departure", 0.091), ("carrier", 0.044), ("precipitation", 0.027),
                           ("visibility", 0.012), ("destination", 0.009), ("seats", 0.001), ("plane_built", -0.0004)]
    ],
}  # fmt: skip
METRICS = {
    "metric": "roc_auc", "metrics": {"roc_auc": 0.7216, "f1": 0.52, "neg_log_loss": -0.48}, "interval": [0.7142, 0.729],
    "dummy": 0.5, "skill_over_dummy": 0.4432, "threshold": 0.31, "rows": 26300, "undefined": {},
    "linear": {"score": 0.6911, "margin_over": 0.0305},
}  # fmt: skip


def report(**changes: Any) -> Json:
    """Make a report: refused for one slice, all else as it may be."""
    made: Json = {
        "passed": False,
        "identity": "sha256:" + "ab" * 32,
        "env": "staging",
        "base": "0f" * 20,
        "champion": {"id": "2026-10-02.1", "identity": "sha256:" + "cd" * 32, "commit": "1f" * 20},
        "batches": [{"name": "0001-january.csv", "sha256": "aa" * 32, "rows": 26398}],
        "judgements": [
            {
                "bar": "gates.yaml of the base branch", "metric": "roc_auc", "rows": 26300, "dropped": 704,
                "score": 0.7216, "dummy": 0.5, "skill": 0.4432, "comparison": COMPARISON, "passed": False,
                "gates": {"metric": "roc_auc", "margin": 0.005, "modes": MODES, "overrides": []}, "checks": CHECKS,
            }
        ],
        "changes": {
            "data": ["0004-april.csv: added"], "contract": ["version: 1.0.0 -> 1.1.0"],
            "params": ["model.max_iter: 40 -> 80"], "gates": [],
        },
        "trend": [{"id": f"2026-0{i}-01.1", "value": 0.68 + 0.005 * i} for i in range(1, 8)],
        "overrides": [
            {"gate": "fairness", "reviewer": "ada", "reason": "A new sensor.", "expires": "2026-12-31", "active": True},
            {"gate": "size", "reviewer": "bob", "reason": "One large release.", "expires": "2026-01-31",
             "active": False},
        ],
        "curves": {"challenger": curves(0.05), "champion": curves()},
    }  # fmt: skip
    return copy.deepcopy(made | changes)


def two_bars() -> Json:
    """Make a report of a branch that lowers the bar."""
    made = report()
    lower = copy.deepcopy(made["judgements"][0]) | {"bar": "gates.yaml as changed here", "passed": True}
    lower["gates"]["margin"] = 0.05
    for answer in lower["checks"]:
        answer["outcome"] = "pass"
    made["judgements"].append(lower)
    return made


def first() -> Json:
    """Make a report before the first release, by gates that give no details."""
    made = report(passed=True, champion=None, trend=[], overrides=[], changes={}, curves={})
    judgement = made["judgements"][0] | {"comparison": None, "passed": True, "gates": {}, "dropped": 0}
    judgement["checks"] = [check(c["gate"]) for c in CHECKS]
    return made | {"judgements": [judgement]}
