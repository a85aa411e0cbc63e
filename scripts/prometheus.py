"""Find prometheus, promtool, prometheus-alertmanager and amtool, or take them from Debian's packages into .cache.

`make setup` runs this. It needs no root: apt works in folders of its own, and checks the signatures as it always does.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PACKAGES = ("prometheus", "prometheus-alertmanager")
TOOLS = ("prometheus", "promtool", "prometheus-alertmanager", "amtool")
CACHE = Path(__file__).resolve().parent.parent / ".cache" / "prometheus"
# Where Debian's Alertmanager looks for its templates, and a place beside it of as many bytes.
SHARE = b"/usr/share/prometheus/alertmanager"
BESIDE = b"./" * 8 + b"share/alertmanager"
# In place of the machine's folders; its hooks would clean what is not ours.
APT = """\
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear Acquire::IndexTargets::deb::DEP-11;
Dir::State "{0}/state";
Dir::State::status "{0}/state/status";
Dir::Cache "{0}/cache";
APT::Sandbox::User "";
APT::Get::AllowUnauthenticated "false";
Acquire::AllowInsecureRepositories "false";
Acquire::Languages "none";
Acquire::Retries "2";
Acquire::http::Timeout "30";
"""
BY_HAND = "Install Prometheus and Alertmanager (Debian: apt-get install prometheus prometheus-alertmanager)."


def tools() -> dict[str, Path]:
    """Name each program: those on the path where all are, else those of the cache, filled first where it is empty.

    Alertmanager of the cache has to be started in the folder in which it lies.

    Raises:
        RuntimeError: They are not here and cannot be had.
    """
    found = {name: shutil.which(name) for name in (*TOOLS, "alertmanager")}
    found["prometheus-alertmanager"] = found["prometheus-alertmanager"] or found["alertmanager"]
    if all(found[name] for name in TOOLS):
        return {name: Path(str(found[name])) for name in TOOLS}
    if not CACHE.is_dir():
        _once(CACHE)
    return {name: CACHE / name for name in TOOLS}


def unpack(target: Path) -> None:
    """Write the programs of Debian's packages to a folder, which is there whole or not at all.

    Raises:
        RuntimeError: No apt here, no such package, or a signature is wrong.
    """
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise RuntimeError(f"No Prometheus on the path, and no apt to take it from. {BY_HAND}")
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as name:
        folder = Path(name)
        for part in ("state/lists/partial", "cache/archives/partial", "root", "programs"):
            (folder / part).mkdir(parents=True)
        (folder / "state/status").touch()
        (folder / "apt.conf").write_text(APT.format(folder), encoding="utf-8")
        _run(folder, "apt-get", "-c", "apt.conf", "-qq", "update")
        _run(folder, "apt-get", "-c", "apt.conf", "-qq", "download", *PACKAGES)
        for package in folder.glob("*.deb"):
            _run(folder, "dpkg-deb", "-x", package.name, "root")
        for tool in TOOLS:
            (folder / "root/usr/bin" / tool).rename(folder / "programs" / tool)
        (folder / "root/usr/share/prometheus").rename(folder / "programs/share")
        server = folder / "programs/prometheus-alertmanager"
        server.write_bytes(server.read_bytes().replace(SHARE, BESIDE))
        (folder / "programs").rename(target)


def _once(target: Path) -> None:
    target.parent.mkdir(exist_ok=True)
    with (target.parent / f".{target.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.is_dir():
            unpack(target)


def _run(folder: Path, *command: str) -> None:
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "LC_ALL": "C"}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        why = f"{' '.join(command)!r} failed: {done.stderr.strip()[-300:]}"
        raise RuntimeError(f"No Prometheus on the path, and {why}\n{BY_HAND}")


if __name__ == "__main__":
    try:
        print(tools()["prometheus"])
    except RuntimeError as error:
        sys.exit(str(error))
