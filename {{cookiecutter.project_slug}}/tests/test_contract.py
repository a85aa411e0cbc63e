"""contract.yaml: it can be read, and a row of the data makes a request that the server accepts."""

from __future__ import annotations

import pandas as pd

from mlops import project
from mlops.contract.request import Checker
from mlops.data.table import to_json


def test_the_contract_has_inputs_and_a_target(rows: pd.DataFrame) -> None:
    contract = project.contract()
    assert contract.inputs
    assert contract.target not in contract.inputs


def test_a_row_of_the_data_is_an_acceptable_request(rows: pd.DataFrame) -> None:
    contract = project.contract()
    columns = to_json(rows.head(50), contract)
    requests = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    assert Checker(contract).check(requests).refusals == ()
