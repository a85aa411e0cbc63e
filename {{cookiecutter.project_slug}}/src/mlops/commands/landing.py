"""How a commit gets to main: `--via push` or `--via pr`."""

from __future__ import annotations

from mlops.contract.errors import MlopsError
from mlops.delivery.forge import connect
from mlops.delivery.publish import Land, push
from mlops.delivery.pull_request import ByPullRequest
from mlops.delivery.trunk import Trunk
from mlops.settings import Settings


def land(settings: Settings, line: Trunk, via: str) -> Land:
    """Choose how a commit gets to main; a missing token is told before anything is done.

    Raises:
        MlopsError: No pull request can be opened from here.
    """
    if via != "pr":
        return push
    try:
        return ByPullRequest(connect(line, settings.ci))
    except MlopsError as error:
        raise MlopsError(f"{error} Or use `--via push`.") from error
