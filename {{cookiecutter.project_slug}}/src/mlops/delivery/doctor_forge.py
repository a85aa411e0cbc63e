"""The doctor's questions to whatever forge holds the repository."""

from __future__ import annotations

from collections.abc import Mapping

from mlops.contract.errors import MlopsError
from mlops.delivery import doctor_github, doctor_gitlab
from mlops.delivery.doctor import Finding, no, unknown
from mlops.delivery.doctor_github import About
from mlops.delivery.doctor_rest import Rest
from mlops.delivery.forge import NO_TOKEN, TOKENS
from mlops.delivery.forge_place import Place, on_github, on_gitlab
from mlops.delivery.git import Git
from mlops.delivery.layout import ENVS, FIRST
from mlops.settings import Settings

PLACES = {"github": on_github, "gitlab": on_gitlab}


def where(settings: Settings, environ: Mapping[str, str]) -> Place | MlopsError:
    """Find the forge's API and the repository there, or why there is none."""
    try:
        url = Git(settings.root).remote_url(settings.remote)
        if url is None:
            return MlopsError(f"There is no remote {settings.remote!r}, so no forge can be asked.")
        return PLACES[settings.ci](url, environ)
    except MlopsError as error:
        return error


def findings(settings: Settings, place: Place | MlopsError, environ: Mapping[str, str]) -> list[Finding]:
    """Ask the forge, with the token of the environment, about everything that a release needs."""
    if isinstance(place, MlopsError):
        return [unknown("forge", "nobody was asked.", str(place))]
    variable = next((name for name in TOKENS[settings.ci] if environ.get(name)), "")
    if not variable:
        return [no("token", "there is none, so that nothing else can be asked of the forge.", NO_TOKEN[settings.ci])]
    token = environ[variable]
    if settings.ci == "gitlab":
        header = "JOB-TOKEN" if variable == "CI_JOB_TOKEN" else "PRIVATE-TOKEN"
        rest = Rest(place.api, {header: token}, token)
        return doctor_gitlab.findings(rest, variable, place.repository, settings.branch)
    rest = Rest(place.api, {"Authorization": f"token {token}", "Accept": "application/vnd.github+json"}, token)
    envs = sorted(path.parent.name for path in (settings.root / ENVS).glob("*/values.yaml"))
    # As they are met: staging first.
    ordered = sorted(envs, key=lambda env: env != FIRST)
    cluster = settings.target == "argocd"
    return doctor_github.findings(rest, About(variable, place.repository, settings.branch, ordered, cluster))
