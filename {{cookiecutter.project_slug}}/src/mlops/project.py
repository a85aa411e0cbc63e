"""The project as a notebook wants it: `from mlops import project`."""

from __future__ import annotations

import pandas as pd

from mlops import settings as places
from mlops.contract.model import Contract
from mlops.delivery import champion as champions
from mlops.delivery.champion import Champion
from mlops.delivery.git import Git
from mlops.gates.base import default_rev
from mlops.pipeline import dataset, prepare
from mlops.pipeline.params import Params
from mlops.pipeline.params import load as load_params


def contract() -> Contract:
    """Read contract.yaml."""
    return dataset.contract(places.find())


def params() -> Params:
    """Read params.yaml."""
    return load_params(places.find().root)


def table() -> pd.DataFrame:
    """Read all batches as one typed table."""
    return dataset.load(places.find()).rows


def split() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split the table as params.yaml says, into training and test rows."""
    settings = places.find()
    prepared = prepare.divide(dataset.load(settings), load_params(settings.root))
    return prepared.train, prepared.test


def features(rows: pd.DataFrame) -> pd.DataFrame:
    """Compute the features of typed rows with the project's own features.py."""
    settings = places.find()
    return dataset.features(dataset.features_function(settings), dataset.contract(settings), rows)


def champion(env: str = "staging") -> Champion | None:
    """Fetch the release that an environment has on the main branch; None before the first."""
    settings = places.find()
    git = Git(settings.root)
    return champions.fetch(settings, git, default_rev(git, settings.remote, settings.branch), env)
