"""Judges a table by its contract, through Great Expectations."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from mlops.contract.errors import MlopsError
from mlops.contract.model import Contract
from mlops.contract.near import near
from mlops.data.counts import count_suite
from mlops.data.suite import Probe, Suite, column_suite
from mlops.data.table import read_raw
from mlops.data.violation import SHOWN, Violation


def check(source: Path | pd.DataFrame, contract: Contract, file: str | None = None) -> list[Violation]:
    """List what a table does that its contract forbids; errors come first.

    Args:
        source: a CSV or Parquet file, or a table as `read_raw` gave it.
        contract: what is allowed.
        file: what messages call the table; a path's name where not given.

    Raises:
        MlopsError: The file is no table, or a rule could not be judged.
    """
    if not isinstance(source, pd.DataFrame):
        file = file or Path(source).name
        source = read_raw(Path(source))
    columns = column_suite(source, contract)
    counts = count_suite(columns, contract)
    found = [*_names(source, contract, file), *_judge([columns, counts], file)]
    return sorted(found, key=lambda violation: violation.severity != "error")


def _names(frame: pd.DataFrame, contract: Contract, file: str | None) -> Iterator[Violation]:
    given = [str(name) for name in frame.columns]
    known = {column.name for column in contract.columns}
    for column in contract.columns:
        if column.name not in given and "excluded" not in column.roles:
            close = near(column.name, [name for name in given if name not in known])
            step = f"Is it {close!r} there? Rename it" if close else "Add it"
            step += ", or remove it from contract.yaml and open a pull request."
            count = len(frame)
            yield Violation(column.name, "column missing", "error", count, count, "column missing", step, file=file)
    for name in given:
        if name not in known:
            close = near(name, [column for column in known if column not in given])
            step = "It is ignored. " + (f"Is it {close!r}?" if close else "Add it to contract.yaml to use it.")
            yield Violation(
                name, "column unknown", "warning", len(frame), len(frame), "not in the contract", step, file=file
            )


def _judge(suites: list[Suite], file: str | None) -> Iterator[Violation]:
    with _quiet():
        for suite in suites:
            if suite.probes:
                yield from _validate(suite, file)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Great Expectations from asking home, from drawing bars and from warning about pandas."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _validate(suite: Suite, file: str | None) -> Iterator[Violation]:
    # jsonschema takes it where it is there, for a format that nothing uses here: two seconds to build its grammar.
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    import great_expectations as gx  # takes seconds, and only a check needs it
    from great_expectations import expectations
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    rules = gx.ExpectationSuite(name="contract")
    # Great Expectations takes `p95` and `P95` for one column, so it is given names of our own.
    neutral = {name: f"c{position}" for position, name in enumerate(suite.columns)}
    for number, probe in enumerate(suite.probes):
        expectation = getattr(expectations, probe.expectation)
        rules.add_expectation(expectation(column=neutral[probe.looks_at], meta={"probe": number}, **probe.options))
    frame = suite.frame.rename(columns=neutral)
    asset = context.data_sources.add_pandas("table").add_dataframe_asset("rows")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch(batch_parameters={"dataframe": frame})
    for result in batch.validate(rules, result_format="SUMMARY").results:
        config: Any = result.expectation_config
        probe = suite.probes[config.meta["probe"]]
        if result.exception_info.get("raised_exception"):
            raise MlopsError(
                f"contract.yaml: {probe.rule!r} on {probe.looks_at!r} could not be judged: "
                f"{result.exception_info.get('exception_message')}. Correct the rule."
            )
        if not result.success:
            yield _violation(probe, result.result, suite, len(frame), file)


def _violation(probe: Probe, result: dict[str, Any], suite: Suite, total: int, file: str | None) -> Violation:
    count = int(result.get("unexpected_count", 0))
    says = probe.says.format(count=count, total=total)
    name = probe.column.name if probe.column else None
    values = suite.columns[probe.looks_at]
    found = [int(row) for row in result.get("partial_unexpected_index_list") or []]
    rows = (found if probe.rule == "unique" else _telling(found, values))[:SHOWN]
    shown = name in suite.columns and probe.rule != "required" and not (probe.column and probe.column.restricted)
    examples = tuple((values.iloc[row], row + 1) for row in rows) if shown else ()
    return Violation(name, probe.rule, probe.severity, count, total, says, probe.step, examples, file)


def _telling(rows: list[int], values: pd.Series[Any]) -> list[int]:
    """Choose the first row of each value."""
    return sorted({str(values.iloc[row]): row for row in reversed(rows)}.values())
