"""Numbers as a reader wants them; what is not known is a dash."""

from __future__ import annotations

import math
from typing import Any

NONE = "–"


def number(value: Any, form: str = ".4f") -> str:
    """Write a number, or a dash where there is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return NONE
    return format(value, form).replace("-", "−")


def signed(value: Any) -> str:
    """Write a difference."""
    return number(value, "+.4f")


def interval(low: Any, high: Any, form: str = "+.4f") -> str:
    """Write an interval."""
    return NONE if NONE in (number(low), number(high)) else f"{number(low, form)} to {number(high, form)}"


def count(value: Any) -> str:
    """Write a count of rows."""
    return number(value, ",.0f")


def share(value: Any) -> str:
    """Write a share in percent."""
    return NONE if number(value) == NONE else f"{number(100 * value, '.1f')} %"
