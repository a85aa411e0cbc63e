"""The options of the server that are about feedback, and what is made of them."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass, replace
from pathlib import Path

from mlops.contract.errors import MlopsError
from mlops.serving.feedback import Feedback, Known
from mlops.serving.feedback_record import Recorder
from mlops.serving.feedback_seen import Seen
from mlops.serving.journal import Journal
from mlops.serving.metrics import Telemetry
from mlops.serving.predictor import Predictor
from mlops.serving.token_issue import Issuer
from mlops.serving.token_keys import Keys

SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
LATE_AFTER = "30d"
UNRELEASED = ""


@dataclass(frozen=True)
class Setup:
    """What feedback needs that does not depend on the model: made at once, so that a wrong option is told at once."""

    keys: Keys
    folder: Path | None
    late_after: int


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    group = parser.add_argument_group("feedback")
    group.add_argument("--signing-key", type=Path, help="file of keys, one a line: the first signs, all verify")
    group.add_argument("--feedback", type=Path, help="folder for inputs and outcomes; needs --signing-key")
    late = f"age of a prediction from which its outcome is not in the live metric, such as 12h; {LATE_AFTER} if not set"
    group.add_argument("--late-after", default=LATE_AFTER, help=late)


def setup(options: argparse.Namespace) -> Setup | None:
    """Read the options; None without a key.

    Raises:
        MlopsError: One is wrong.
    """
    late_after = milliseconds(options.late_after)
    if options.signing_key is None:
        if options.feedback is not None:
            raise MlopsError(
                f"--feedback {str(options.feedback)!r} needs --signing-key FILE: without ids no outcome "
                "finds its inputs. Make a key with `openssl rand -hex 32`."
            )
        return None
    return Setup(Keys(options.signing_key), options.feedback, late_after)


def attach(made: Setup | None, predictor: Predictor, telemetry: Telemetry) -> tuple[Predictor, Feedback | None]:
    """Let a predictor give ids, and make what takes them back."""
    if made is None:
        return predictor, None
    contract, task = predictor.scorer.contract, predictor.scorer.task
    release = str(predictor.release["id"]) if predictor.release else UNRELEASED
    journal = None if made.folder is None else Journal(made.folder, telemetry.feedback_dropped)
    recorder = Recorder(contract, Issuer(release, task, predictor.profile), made.keys, journal)
    seen = Seen(made.folder, made.late_after)
    telemetry.feedback_enabled = True
    feedback = Feedback(Known(contract, task), release, made.keys, seen, journal, telemetry, made.late_after)
    return replace(predictor, recorder=recorder), feedback


def milliseconds(text: str) -> int:
    """Read a duration such as "30d".

    Raises:
        MlopsError: It is none.
    """
    match = re.fullmatch(r"(\d{1,6}) ?(s|min|h|d|w)", text, re.ASCII)
    if match is None or not int(match[1]):
        raise MlopsError(f"--late-after is {text!r}. Write a whole number and s, min, h, d or w, for example 30d.")
    return int(match[1]) * SECONDS[match[2]] * 1000
