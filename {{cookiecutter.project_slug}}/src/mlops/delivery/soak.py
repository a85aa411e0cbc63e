"""Since when an environment runs its release healthy: asked of the local server, of Argo CD, or of the forge."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from mlops.contract.errors import MlopsError
from mlops.delivery import local, local_state
from mlops.delivery.argocd import App, Argocd
from mlops.delivery.commit_status import holders
from mlops.delivery.forge import Forge, Status, connect
from mlops.delivery.git import Git
from mlops.delivery.history import Standing, history
from mlops.delivery.records import Record
from mlops.delivery.trunk import Trunk
from mlops.settings import Settings

Lookup = Callable[[str], App | None]


def healthy_since(settings: Settings, trunk: Trunk, env: str) -> datetime | None:
    """Say since when an environment runs healthy what Git names for it now; None where it does not.

    Raises:
        MlopsError: Nobody could be asked.
    """
    now = history(trunk.git, env, trunk.known())[0]
    if now.record is None:
        return None
    if settings.target == "local":
        return of_local(settings, env, now.record)
    argocd = Argocd(project=settings.slug)
    return of_cluster(
        trunk, env, now, lambda: argocd.get(f"{settings.slug}-{env}"), lambda: connect(trunk, settings.ci)
    )


def of_local(settings: Settings, env: str, record: Record) -> datetime | None:
    """Ask the server of this machine; its reconciler tells when it began to serve.

    Raises:
        MlopsError: None is up.
    """
    answer = local.live(settings, env)
    if answer is None:
        raise MlopsError(f"Nobody here serves {env}, so nobody knows how long it ran. `mlops local up --env {env}`.")
    if (answer.get("release"), answer.get("identity")) != (record.id, record.identity):
        return None
    told = local_state.state_file(settings, env).stat().st_mtime
    return datetime.fromtimestamp(told, UTC)


def of_cluster(
    trunk: Trunk, env: str, now: Standing, app: Callable[[], App | None], forge: Callable[[], Forge]
) -> datetime | None:
    """Ask Argo CD, and where it cannot be asked the forge, to which Argo CD reports.

    Raises:
        MlopsError: Neither could be asked, or the forge knows nothing.
    """
    try:
        found = app()
    except MlopsError as error:
        return _of_forge(trunk, env, now, forge, str(error))
    return None if found is None else of_app(trunk.git, found, now)


def of_app(git: Git, app: App, now: Standing) -> datetime | None:
    """Read it off an application; one that has synced an older commit does not run the release."""
    well = app.sync == "Synced" and app.health == "Healthy" and app.operation != "Running"
    if not well or app.since is None or not git.is_ancestor(now.sha, app.synced):
        return None
    return max(app.since, now.date)


def of_statuses(statuses: Iterable[Status | None]) -> datetime | None:
    """Read it off commit statuses, newest commit first: the oldest success that no other status followed."""
    since: datetime | None = None
    for status in statuses:
        if status is not None and status.state != "success":
            break
        since = status.at if status else since
    return since


def _of_forge(trunk: Trunk, env: str, now: Standing, forge: Callable[[], Forge], why: str) -> datetime | None:
    try:
        asked = forge()
        statuses = [asked.status(sha, f"mlops/{env}") for sha in holders(trunk.git, now, trunk.known())]
    except MlopsError as error:
        raise MlopsError(f"Nobody could be asked how long {env} ran. Argo CD: {why} The forge: {error}") from error
    if not any(statuses):
        raise MlopsError(
            f"Nobody knows how long {env} ran. Argo CD: {why} The forge has no commit status 'mlops/{env}' since "
            f"{now.sha[:10]}."
        )
    return of_statuses(statuses)
