"""The promises about security and lost requests hold, and each check can fail."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from unit.chart.guards import hardened, lossless, once, restricted
from unit.chart.rendering import CASES, CHART, Manifest, case, manifests, of_kind

pytestmark = pytest.mark.unit

WORKLOADS = ("Deployment", "Job")


def faults(rendered: list[Manifest]) -> list[str]:
    """List all that is wrong with what was rendered."""
    pods = {kind: of_kind(kind, rendered)["spec"]["template"]["spec"] for kind in WORKLOADS}
    account = of_kind("ServiceAccount", rendered)
    token = [] if account.get("automountServiceAccountToken") is False else ["the account gives out a token"]
    found = [f"{kind}: {fault}" for kind, pod in pods.items() for fault in (*restricted(pod), *hardened(pod))]
    return [*found, *lossless(of_kind("Deployment", rendered)), *once(of_kind("Job", rendered)), *token]


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_wrong(name: str, cases: dict[str, list[Manifest]]) -> None:
    assert faults(cases[name]) == []


# What both pods have in common: what stands in _helpers.tpl, what stands there instead, and what is then found in both.
SHARED = {
    "no runAsNonRoot": ("runAsNonRoot: true\n", "", "may run as root"),
    "runAsNonRoot false": ("runAsNonRoot: true", "runAsNonRoot: false", "may run as root"),
    "root": ("runAsUser: 10001", "runAsUser: 0", "runs as root"),
    "no runAsUser": ("runAsUser: 10001\n", "", "runAsUser is root, or the image's to say"),
    "no runAsGroup": ("runAsGroup: 10001\n", "", "runAsGroup is root, or the image's to say"),
    "no seccompProfile": ("seccompProfile:\n  type: RuntimeDefault\n", "", "no seccomp profile"),
    "Unconfined": ("type: RuntimeDefault", "type: Unconfined", "no seccomp profile"),
    "no allowPrivilegeEscalation": ("allowPrivilegeEscalation: false\n", "", "privileges may be escalated"),
    "no readOnlyRootFilesystem": ("readOnlyRootFilesystem: true\n", "", "the root file system can be written"),
    "no drop": ("capabilities:\n  drop:\n    - ALL\n", "", "capabilities are kept"),
    "drops one": ("    - ALL\n", "    - NET_RAW\n", "capabilities are kept"),
    "a tag": (
        '{{- printf "%s@%s" .Values.release.image.repository .Values.release.image.digest | quote }}',
        "registry.example.com/team/model:latest",
        "the image is not named by its digest",
    ),
}

# A template, what stands there, what instead, and what is then found.
MUTANTS = {
    "Deployment without the pod's context": (
        "deployment",
        '      securityContext:\n        {{- include "mlops.podSecurity" . | nindent 8 }}\n',
        "",
        "Deployment: may run as root",
    ),
    "Deployment without the container's context": (
        "deployment",
        '          securityContext:\n            {{- include "mlops.containerSecurity" . | nindent 12 }}\n',
        "",
        "Deployment: capabilities are kept",
    ),
    "Deployment with a token": (
        "deployment",
        "      automountServiceAccountToken: false\n",
        "",
        "Deployment: the pod gets a token of its account",
    ),
    "Deployment with a tag": (
        "deployment",
        '{{ include "mlops.image" . }}',
        "registry.example.com/team/model:latest",
        "Deployment: the image is not named by its digest",
    ),
    "Job without the pod's context": (
        "smoke",
        '  securityContext:\n    {{- include "mlops.podSecurity" . | nindent 4 }}\n',
        "",
        "Job: may run as root",
    ),
    "Job without the container's context": (
        "smoke",
        '      securityContext:\n        {{- include "mlops.containerSecurity" . | nindent 8 }}\n',
        "",
        "Job: the root file system can be written",
    ),
    "Job with a token": (
        "smoke",
        "  automountServiceAccountToken: false\n",
        "",
        "Job: the pod gets a token of its account",
    ),
    "Job with a tag": (
        "smoke",
        '{{ include "mlops.image" . }}',
        "registry.example.com/team/model:latest",
        "Job: the image is not named by its digest",
    ),
    "Job that is tried again": ("smoke", "backoffLimit: 0", "backoffLimit: 6", "a wrong answer is asked again"),
    "Job whose pod is started again": (
        "smoke",
        "restartPolicy: Never",
        "restartPolicy: OnFailure",
        "a wrong answer is asked again",
    ),
    "Job without an end": ("smoke", "  activeDeadlineSeconds: {{ add $timeout 60 }}\n", "", "it may never end"),
    "Job that ends early": (
        "smoke",
        "{{ add $timeout 60 }}",
        "{{ .Values.progressDeadline }}",
        "it may end before it has asked",
    ),
    "Job that goes away": (
        "smoke",
        "  backoffLimit: 0\n",
        "  backoffLimit: 0\n  ttlSecondsAfterFinished: 9\n",
        "it goes and is made again",
    ),
    "Recreate": (
        "deployment",
        "    type: RollingUpdate\n    rollingUpdate:\n      maxSurge: 25%\n      maxUnavailable: 0\n",
        "    type: Recreate\n",
        "pods end before others answer",
    ),
    "maxUnavailable 1": ("deployment", "maxUnavailable: 0", "maxUnavailable: 1", "fewer pods than wanted"),
    "no wait": (
        "deployment",
        "          lifecycle:\n            preStop:\n              sleep:\n"
        "                seconds: {{ int .Values.server.wait }}\n",
        "",
        "a pod ends while it still gets requests",
    ),
    "killed early": (
        "deployment",
        "{{ add .Values.server.wait .Values.server.grace 10 }}",
        "{{ .Values.server.grace }}",
        "a pod is killed while it answers",
    ),
    "no readiness": (
        "deployment",
        "          readinessProbe:\n",
        "          startupProbe:\n",
        "a pod that is not ready gets requests",
    ),
}


@pytest.mark.parametrize("mutant", SHARED)
def test_in_both_pods_it_is_found_out(mutant: str, tmp_path: Path) -> None:
    old, new, fault = SHARED[mutant]
    found = faults(manifests(case("minimal"), chart=changed(tmp_path, "_helpers.tpl", old, new)))
    assert {f"{kind}: {fault}" for kind in WORKLOADS} <= set(found)


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_template_is_found_out_that_has(mutant: str, tmp_path: Path) -> None:
    template, old, new, fault = MUTANTS[mutant]
    assert fault in faults(manifests(case("minimal"), chart=changed(tmp_path, f"{template}.yaml", old, new)))


def test_an_account_with_a_token_is_found_out(tmp_path: Path) -> None:
    chart = changed(tmp_path, "serviceaccount.yaml", "automountServiceAccountToken: false\n", "")
    assert faults(manifests(case("minimal"), chart=chart)) == ["the account gives out a token"]


def test_no_field_of_a_security_context_can_go_unnoticed(cases: dict[str, list[Manifest]]) -> None:
    def contexts(rendered: list[Manifest]) -> list[dict[str, Any]]:
        pods = [of_kind(kind, rendered)["spec"]["template"]["spec"] for kind in WORKLOADS]
        return [context for pod in pods for context in (pod["securityContext"], own(pod))]

    fields = [(at, field) for at, context in enumerate(contexts(cases["full"])) for field in context]
    assert len(fields) == 16
    for at, field in fields:
        mutant = copy.deepcopy(cases["full"])
        del contexts(mutant)[at][field]
        assert len(faults(mutant)) == 1, field


def changed(folder: Path, template: str, old: str, new: str) -> Path:
    """Copy the chart and change one place of a template."""
    chart = folder / "chart"
    shutil.copytree(CHART, chart)
    path = chart / "templates" / template
    before = path.read_text(encoding="utf-8")
    assert before.count(old) == 1
    path.write_text(before.replace(old, new), encoding="utf-8")
    return chart


Edit = Callable[[dict[str, Any]], object]
FORBIDDEN: dict[str, Edit] = {
    "hostNetwork is set": lambda pod: pod.update(hostNetwork=True),
    "hostPID is set": lambda pod: pod.update(hostPID=True),
    "hostIPC is set": lambda pod: pod.update(hostIPC=True),
    "volume 'host' is of a kind that is not allowed": lambda pod: pod["volumes"].append(
        {"name": "host", "hostPath": {"path": "/"}}
    ),
    "sysctl 'kernel.msgmax' is not safe": lambda pod: pod["securityContext"].update(
        sysctls=[{"name": "kernel.msgmax", "value": "1"}]
    ),
    "privileged": lambda pod: own(pod).update(privileged=True),
    "capabilities are kept": lambda pod: own(pod)["capabilities"].update(add=["SYS_ADMIN"]),
    "procMount is not the default": lambda pod: own(pod).update(procMount="Unmasked"),
    "SELinux user or role is set": lambda pod: own(pod).update(seLinuxOptions={"user": "root"}),
    "a port of the host is taken": lambda pod: pod["containers"][0]["ports"][0].update(hostPort=80),
    "may run as root": lambda pod: own(pod).update(runAsNonRoot=False),
    "no seccomp profile": lambda pod: own(pod).update(seccompProfile={"type": "Unconfined"}),
    "privileges may be escalated": lambda pod: pod.update(initContainers=[{"name": "first", "image": "image"}]),
}


def own(pod: dict[str, Any]) -> dict[str, Any]:
    """Name the security context of the server."""
    found: dict[str, Any] = pod["containers"][0]["securityContext"]
    return found


@pytest.mark.parametrize("fault", FORBIDDEN)
def test_the_standard_forbids(fault: str, cases: dict[str, list[Manifest]]) -> None:
    pod = copy.deepcopy(of_kind("Deployment", cases["minimal"])["spec"]["template"]["spec"])
    FORBIDDEN[fault](pod)
    assert fault in restricted(pod)
