"""What rendered pods must be: the Pod Security Standard *restricted*, and what the chart promises beyond it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

Part = dict[str, Any]

# https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret",
}  # fmt: skip
SYSCTLS = re.compile(r"kernel\.shm_rmid_forced|net\.ipv4\.(ip_|ping_|tcp_).*|net\.ipv4\.ip_unprivileged_port_start")


def restricted(pod: Part) -> list[str]:
    """List how a pod's specification breaks the standard."""
    return [*_of_the_pod(pod), *(fault for container in _containers(pod) for fault in _of(container, pod))]


def hardened(pod: Part) -> list[str]:
    """List what the chart promises beyond the standard and does not keep."""
    faults = [] if pod.get("automountServiceAccountToken") is False else ["the pod gets a token of its account"]
    if any("persistentVolumeClaim" in volume for volume in pod.get("volumes", [])):
        needed = [name for name in ("fsGroup", "fsGroupChangePolicy") if not _security(pod).get(name)]
        faults += [f"without {name} a claim is root's, or takes long to be ours" for name in needed]
    for container in _containers(pod):
        both = {**_security(pod), **_security(container)}
        for who in ("runAsUser", "runAsGroup"):
            if not both.get(who):
                faults.append(f"{who} is root, or the image's to say")
        if both.get("readOnlyRootFilesystem") is not True:
            faults.append("the root file system can be written")
        if not re.search(r"@sha256:[0-9a-f]{64}\Z", container["image"]):
            faults.append("the image is not named by its digest")
    return faults


def lossless(deployment: Part) -> list[str]:
    """List what may lose a request while one release takes the place of another."""
    spec = deployment["spec"]
    pod = spec["template"]["spec"]
    (server,) = pod["containers"]
    rolling = spec.get("strategy", {}).get("rollingUpdate", {})
    wait = server.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    grace = next((int(word[8:]) for word in server["args"] if word.startswith("--grace=")), 0)
    checks = {
        "pods end before others answer": spec.get("strategy", {}).get("type") == "RollingUpdate",
        "fewer pods than wanted": rolling.get("maxUnavailable") == 0,
        "a pod that is not ready gets requests": "readinessProbe" in server,
        "a pod ends while it still gets requests": wait > 0,
        "a pod is killed while it answers": pod.get("terminationGracePeriodSeconds", 30) >= wait + grace + 5 + 2,
    }
    return [fault for fault, holds in checks.items() if not holds]


def once(job: Part) -> list[str]:
    """List what keeps the smoke test from one clear answer."""
    spec = job["spec"]
    pod = spec["template"]["spec"]
    asks = next(int(word[10:]) for word in pod["containers"][0]["args"] if word.startswith("--timeout="))
    checks = {
        "a wrong answer is asked again": spec.get("backoffLimit") == 0 and pod["restartPolicy"] == "Never",
        "it may never end": "activeDeadlineSeconds" in spec,
        "it may end before it has asked": spec.get("activeDeadlineSeconds", asks + 1) > asks,
        "it goes and is made again": "ttlSecondsAfterFinished" not in spec,
    }
    return [fault for fault, holds in checks.items() if not holds]


def _of_the_pod(pod: Part) -> Iterator[str]:
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(field):
            yield f"{field} is set"
    for volume in pod.get("volumes", []):
        if set(volume) - {"name"} - VOLUMES:
            yield f"volume {volume['name']!r} is of a kind that is not allowed"
    for sysctl in _security(pod).get("sysctls", []):
        if not SYSCTLS.fullmatch(sysctl["name"]):
            yield f"sysctl {sysctl['name']!r} is not safe"


def _of(container: Part, pod: Part) -> Iterator[str]:
    own = _security(container)
    both = {**_security(pod), **own}
    capabilities = own.get("capabilities", {})
    if own.get("privileged"):
        yield "privileged"
    if own.get("allowPrivilegeEscalation") is not False:
        yield "privileges may be escalated"
    if "ALL" not in capabilities.get("drop", []) or set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"}:
        yield "capabilities are kept"
    if both.get("runAsNonRoot") is not True:
        yield "may run as root"
    if both.get("runAsUser") == 0:
        yield "runs as root"
    if both.get("seccompProfile", {}).get("type") not in ("RuntimeDefault", "Localhost"):
        yield "no seccomp profile"
    if own.get("procMount", "Default") != "Default":
        yield "procMount is not the default"
    if both.get("seLinuxOptions", {}).keys() & {"user", "role"}:
        yield "SELinux user or role is set"
    if any(port.get("hostPort") for port in container.get("ports", [])):
        yield "a port of the host is taken"


def _containers(pod: Part) -> list[Part]:
    return [container for key in ("initContainers", "containers") for container in pod.get(key, [])]


def _security(part: Part) -> Part:
    found: Part = part.get("securityContext", {})
    return found
