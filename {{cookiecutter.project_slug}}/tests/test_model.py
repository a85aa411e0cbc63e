"""model.py: what it builds learns from a few rows, and converts to ONNX."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlops import project, settings
from mlops.pipeline.convert import to_onnx
from mlops.pipeline.fit import fit


def test_it_fits_and_converts(rows: pd.DataFrame) -> None:
    contract = project.contract()
    labelled = rows[rows[contract.target.name].notna()].reset_index(drop=True)
    fitted = fit(settings.find(), contract, project.params(), labelled, labelled[contract.target.name])
    assert np.isfinite(fitted.scores(project.features(labelled))).all()
    assert len(to_onnx(settings.find(), fitted).graph.input) == len(fitted.features)
