"""A cluster for a laptop: kind, with Argo CD in it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable

from mlops.contract.errors import MlopsError

VERSION = "v3.5.7"
INSTALL = f"https://raw.githubusercontent.com/argoproj/argo-cd/{VERSION}/manifests/install.yaml"
MINUTES = 10
PROGRAMS = {
    "docker": "https://docs.docker.com/engine/install/",
    "kind": "https://kind.sigs.k8s.io/docs/user/quick-start/#installation",
    "kubectl": "https://kubernetes.io/docs/tasks/tools/",
}
Say = Callable[[str], None]


def up(name: str, say: Say) -> None:
    """Make a cluster with Argo CD, or find it; a second time changes nothing.

    Args:
        name: The cluster's name; kind calls its context `kind-<name>`.
        say: Takes a line a step.

    Raises:
        MlopsError: A program is missing, Docker does not run, or a step failed.
    """
    require()
    kubectl = ("kubectl", "--context", f"kind-{name}")
    if name in _run("kind", "get", "clusters").split():
        _run("kind", "export", "kubeconfig", "--name", name)
        say(f"found     cluster {name}")
    else:
        say(f"making    cluster {name}")
        _run("kind", "create", "cluster", "--name", name, "--wait", f"{MINUTES}m")
    _run(
        *kubectl,
        "apply",
        "--server-side",
        "--filename",
        "-",
        stdin="{apiVersion: v1, kind: Namespace, metadata: {name: argocd}}",
    )
    argocd = (*kubectl, "--namespace", "argocd")
    say(f"applying  Argo CD {VERSION}")
    _run(*argocd, "apply", "--server-side", "--force-conflicts", "--filename", INSTALL)
    say("waiting   until Argo CD is ready")
    limit = f"--timeout={MINUTES}m"
    _run(*argocd, "wait", "deployment", "--all", "--for=condition=Available", limit)
    _run(*argocd, "rollout", "status", "statefulset/argocd-application-controller", limit)
    say(f"ready     context kind-{name}")


def require() -> None:
    """Check that what a cluster on this machine needs is there.

    Raises:
        MlopsError: It is not; the message says what to install, all of it at once.
    """
    missing = [f"{name}: {url}" for name, url in PROGRAMS.items() if shutil.which(name) is None]
    if missing:
        raise MlopsError(f"Not on the PATH, install first: {', '.join(missing)}.")
    if _attempt("docker", "info", "--format", "{{.ServerVersion}}").returncode:
        raise MlopsError(
            "`docker info` failed: Docker is installed and does not run, or is not yours to use. Start it."
        )


def _run(*command: str, stdin: str = "") -> str:
    done = _attempt(*command, stdin=stdin)
    if done.returncode:
        said = " ".join([line for line in (done.stderr or done.stdout).splitlines() if line.strip()][-4:])
        raise MlopsError(
            f"`{' '.join(command)}` failed: {said} Mend that and run this again: it goes on where it stopped."
        )
    return done.stdout


def _attempt(*command: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    try:
        limit = 60 * (MINUTES + 1)
        return subprocess.run(
            command, input=stdin, capture_output=True, text=True, encoding="utf-8", errors="replace", timeout=limit
        )
    except subprocess.TimeoutExpired as error:
        raise MlopsError(f"`{' '.join(command)}` did not end in {MINUTES + 1} minutes. Is the network up?") from error
