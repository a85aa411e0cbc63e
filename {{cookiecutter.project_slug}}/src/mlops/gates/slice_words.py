"""What the gate says of groups, to a reader without statistics."""

from __future__ import annotations

import math
from typing import Any

from mlops.gates.bar import Gates

Group = dict[str, Any]
NAMED = 3


def judged_in_words(found: list[Group], metric: str, gates: Gates) -> str:
    """Say which groups are worse, or that none is, or for which it cannot be told."""
    worse, unsure, fine = (_having(found, answer) for answer in ("worse", "cannot tell", "not worse"))
    judged = len(worse) + len(unsure) + len(fine)
    margin = number(gates.slice_margin, gates)
    if not judged:
        return f"No group is compared.{_left_out(found, gates)}"
    if worse:
        worse.sort(key=lambda group: group["difference"])
        named = "; ".join(_loss(group, metric, gates) for group in worse[:NAMED])
        told = [f"{_are(len(fine))} not worse"] * bool(fine) + [f"{len(unsure)} cannot be told"] * bool(unsure)
        rest = f" Of the other {_groups(judged - len(worse))}, {' and '.join(told)}." if told else ""
        return f"Worse for {named}{_more(worse)}.{rest}"
    if unsure:
        named = "; ".join(f"{_name(group)}, {group['rows']:,} rows" for group in unsure[:NAMED])
        return (
            f"Cannot tell for {len(unsure)} of {_groups(judged)} ({named}{_more(unsure)}): a loss of {margin} in "
            f"{metric} is not ruled out. None is shown to be worse.{_left_out(found, gates)}"
        )
    if judged == 1:
        return f"{_name(fine[0])} is as good as before, within {margin}.{_left_out(found, gates)}"
    return f"Every one of {_groups(judged)} is as good as before, within {margin}.{_left_out(found, gates)}"


def weakest_in_words(found: list[Group], metric: str, overall: float, gates: Gates) -> str:
    """Name the weakest group of a model that has no champion to be compared with."""
    shown = [group for group in found if group["challenger"] is not None]
    if not shown:
        return f"There is no champion, and no group that can be measured.{_left_out(found, gates)}"
    weakest = min(shown, key=lambda group: group["challenger"])
    return (
        f"There is no champion to compare with. Of {_groups(len(shown))} the weakest is {_name(weakest)} "
        f"({weakest['rows']:,} rows): {metric} {number(weakest['challenger'], gates)}, "
        f"{number(overall, gates)} overall.{_left_out(found, gates)}"
    )


def number(value: float, gates: Gates) -> str:
    """Write a value of the metric with as many digits as its margin matters."""
    digits = max(0, 1 - math.floor(math.log10(gates.margin)))
    return f"{value:,.{min(digits, 6)}f}"


def _loss(group: Group, metric: str, gates: Gates) -> str:
    return (
        f"{_name(group)} ({group['rows']:,} rows): {metric} {number(group['challenger'], gates)} against "
        f"{number(group['champion'], gates)}, a loss of {number(-group['difference'], gates)} "
        f"(at least {number(-group['high'], gates)})"
    )


def _name(group: Group) -> str:
    return f"{group['column']} = {group['group']}"


def _groups(count: int) -> str:
    return f"{count} group{'s' * (count != 1)}"


def _are(count: int) -> str:
    return f"{count} {'is' if count == 1 else 'are'}"


def _more(groups: list[Group]) -> str:
    return f"; and {len(groups) - NAMED} more" if len(groups) > NAMED else ""


def _having(found: list[Group], answer: str) -> list[Group]:
    return [group for group in found if group["answer"] == answer]


def _left_out(found: list[Group], gates: Gates) -> str:
    few, undefined = len(_having(found, "too few rows")), len(_having(found, "not defined"))
    said = []
    if few:
        said.append(f"{_groups(few)} {'has' if few == 1 else 'have'} too few rows (at least {gates.slices.min_rows})")
    if undefined:
        said.append(f"in {_groups(undefined)} {gates.metric} is not defined")
    text = "; ".join(said)
    return f" {text[0].upper()}{text[1:]}." if said else ""
