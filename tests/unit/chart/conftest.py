from __future__ import annotations

import pytest
from unit.chart.rendering import CASES, Manifest, case, manifests


@pytest.fixture(scope="session")
def cases() -> dict[str, list[Manifest]]:
    """Every example of values, rendered."""
    return {name: manifests(case(name)) for name in CASES}
