"""The process of one server on this machine: start it, hear it, drain it."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from mlops.contract.errors import MlopsError
from mlops.delivery.builder import LocalBuilder
from mlops.delivery.image import content_digest, listing
from mlops.delivery.local_decide import Wanted
from mlops.delivery.local_feedback import feedback_options
from mlops.delivery.remote import storage
from mlops.environment import serving_python
from mlops.scoring import environment
from mlops.settings import Settings

READY_SECONDS = 180.0
LAST_LINES = 5


@dataclass
class LocalServer:
    """A server that was started, on a socket that its parent holds.

    `told` is the reading end of a pipe: the server writes what `/version` answers once it is ready, and a second
    line when it no longer accepts. While this process holds that end the server lives; without it, it drains.
    """

    wanted: Wanted
    process: subprocess.Popen[bytes]
    told: IO[bytes]
    errors: Path
    version: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The release's id."""
        return self.wanted.record.id

    def alive(self) -> bool:
        """Tell whether the process runs."""
        return self.process.poll() is None

    def wait_ready(self, seconds: float = READY_SECONDS) -> None:
        """Wait until the server says that it answers, and check that it is the release that was asked for.

        Raises:
            MlopsError: It ended, is not ready in time, or is something else; with the last lines that it said.
        """
        line = self._line(seconds)
        if line is None:
            raise MlopsError(f"not ready after {seconds:g} s{self._said()}")
        if not line:
            raise MlopsError(f"the server ended with exit code {self.process.wait()}{self._said()}")
        self.version = json.loads(line)
        wrong = difference(self.wanted, self.version)
        if wrong:
            raise MlopsError(f"the server is not the release that Git names: {wrong}.")

    def leave(self, seconds: float = 5.0) -> None:
        """Ask the server to drain and wait until it no longer accepts; it ends by itself later."""
        self.signal(signal.SIGTERM)
        self._line(seconds)

    def stop(self, seconds: float = 20.0) -> None:
        """Drain the server and wait for its end; kill it where it does not come to one."""
        self.signal(signal.SIGTERM)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            self.process.wait()
        self.told.close()

    def signal(self, number: int) -> None:
        """Send a signal to the process, unless it was already reaped."""
        if self.alive():
            self.process.send_signal(number)

    def reason(self) -> str:
        """Say how the process ended."""
        return f"its server ended with exit code {self.process.wait()}{self._said()}"

    def _line(self, seconds: float) -> bytes | None:
        """Read a line: empty when the other end is closed, None when nothing came in time."""
        deadline, line = time.monotonic() + seconds, b""
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([self.told], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                return None
            part = os.read(self.told.fileno(), 65536)
            if not part:
                return b""
            line += part
        return line

    def _said(self) -> str:
        lines = self.errors.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-LAST_LINES:]
        return ": " + " | ".join(lines) if lines else ", and said nothing"


def start(settings: Settings, wanted: Wanted, listener: socket.socket, folder: Path) -> LocalServer:
    """Start the server of a release from its image.

    Args:
        settings: The project.
        wanted: The release.
        listener: The listening socket, which stays open here.
        folder: Where the release's file and logs are written, named like the environment.

    Raises:
        MlopsError: The image is missing or not what its digest says, or its environment cannot be made.
    """
    image = image_folder(settings, wanted)
    python = serving_python(image / "requirements" / "serve.txt", settings.cache / "envs")
    folder.mkdir(parents=True, exist_ok=True)
    release = folder / f"{wanted.record.id}.yaml"
    release.write_bytes(wanted.text)
    told, tells = os.pipe()
    pipe = os.fdopen(told, "rb", buffering=0)
    command = [python, "-m", "mlops.serving", "--bundle", image / "bundle", "--release", release]
    command += ["--fd", listener.fileno(), "--ready-fd", tells]
    command += feedback_options(settings, folder.name, image)
    try:
        process = _spawn([str(part) for part in command], image, folder, (listener.fileno(), tells))
    finally:
        os.close(tells)
    return LocalServer(wanted, process, pipe, folder / "server.err")


def _spawn(command: list[str], image: Path, folder: Path, descriptors: tuple[int, ...]) -> subprocess.Popen[bytes]:
    # The image is named by its files, so bytecode goes elsewhere: beside the environment's own.
    env = environment(image / "src") | {"PYTHONPYCACHEPREFIX": str(Path(command[0]).parents[1] / "pycache")}
    with (folder / "server.log").open("ab") as log, (folder / "server.err").open("wb") as errors:
        # A process group of its own: Ctrl-C is for the reconciler, which drains the server.
        return subprocess.Popen(
            command, cwd=folder, env=env, pass_fds=descriptors, process_group=0,
            stdin=subprocess.DEVNULL, stdout=log, stderr=errors,
        )  # fmt: skip


def image_folder(settings: Settings, wanted: Wanted) -> Path:
    """Find the image of a release, and check that it is what its digest says.

    Raises:
        MlopsError: It is not there, or was changed.
    """
    image = wanted.record.image
    folder = LocalBuilder(storage(settings).folder, image.repository).path(image.digest)
    if not folder.is_dir():
        raise MlopsError(
            f"its image {image.digest!r} is not on this machine ({str(folder)!r}). "
            f"Check out commit {wanted.record.commit[:7]} and run `mlops image build`."
        )
    found = content_digest(listing(folder))
    if found != image.digest:
        raise MlopsError(
            f"image.digest is {image.digest!r}, but the files in {str(folder)!r} give {found!r}: they were changed. "
            f"Remove that folder, check out commit {wanted.record.commit[:7]} and run `mlops image build`."
        )
    return folder


def difference(wanted: Wanted, version: dict[str, Any]) -> str:
    """Name what `/version` answers otherwise than Git says; empty where they agree."""
    record, told = wanted.record, version.get("release") or {}
    pairs = {
        "release": (told.get("id"), record.id),
        "identity": (told.get("identity"), record.identity),
        "model_sha256": (version.get("model_sha256"), record.model.sha256),
    }
    return ", ".join(f"{name} {found!r} instead of {due!r}" for name, (found, due) in pairs.items() if found != due)
