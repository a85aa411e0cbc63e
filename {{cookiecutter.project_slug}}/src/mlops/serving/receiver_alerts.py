"""What Alertmanager tells by its webhook, and what its alerts wish for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, NoReturn

from mlops.serving.receiver_cause import cause_of

MOST_BYTES = 1024 * 1024
LABEL, PROPOSE, LOOK = "retrain", "propose", "look"


class Unreadable(Exception):
    """A body that is not what Alertmanager sends; the text says what is wrong, without a value of it."""


@dataclass(frozen=True)
class Wish:
    """A retraining for a cause; a look trains and judges, and proposes nothing."""

    cause: str
    look: bool


def wish_of(body: bytes) -> Wish | None:
    """Read what the firing alerts of a message wish for; None where they wish for nothing.

    Of alerts that propose and alerts that look, those that propose decide, and name the cause.

    Raises:
        Unreadable: It is no message of version 4 of Alertmanager's webhook.
    """
    asked = [_asked(alert) for alert in _alerts(body)]
    for look in (False, True):
        word = LOOK if look else PROPOSE
        if found := [(name, column) for wanted, name, column in asked if wanted == word]:
            return Wish(cause_of(found), look)
    return None


def _alerts(body: bytes) -> list[Any]:
    if len(body) > MOST_BYTES:
        raise Unreadable(f"the body is longer than {MOST_BYTES} bytes: let `max_alerts` of the webhook be 100")
    try:
        document = json.loads(body.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Unreadable("the body is no JSON") from None
    if not isinstance(document, dict) or document.get("version") != "4":
        raise Unreadable("the body is no message of Alertmanager's webhook, version 4")
    alerts = document.get("alerts")
    if not isinstance(alerts, list):
        raise Unreadable("'alerts' is no list")
    return alerts


def _asked(alert: Any) -> tuple[str, str, str]:
    """Give what one alert asks for, its name and its column; nothing is asked by what is resolved."""
    if not isinstance(alert, dict) or alert.get("status") not in ("firing", "resolved"):
        raise Unreadable("an alert is neither 'firing' nor 'resolved'")
    labels = alert.get("labels")
    if not isinstance(labels, dict) or not all(isinstance(value, str) for value in labels.values()):
        raise Unreadable("an alert's 'labels' are no texts by name")
    wanted = labels.get(LABEL, "") if alert["status"] == "firing" else ""
    return wanted, labels.get("alertname", ""), labels.get("column", "")


def _no_constant(constant: str) -> NoReturn:
    raise ValueError(constant)
