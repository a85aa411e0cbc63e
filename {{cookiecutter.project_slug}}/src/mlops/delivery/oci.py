"""Build and push an image with the machine's own `buildah` or `docker`."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections import deque
from dataclasses import dataclass

from mlops.contract.errors import MlopsError
from mlops.delivery import registry
from mlops.delivery.context import staged
from mlops.delivery.image import Copied
from mlops.delivery.registry_client import plain, require_repository
from mlops.settings import Settings

OPTIONS = "MLOPS_BUILD_OPTIONS"
LABEL = "mlops.identity"
LABELLED = {"mlops.model": "bundle/model.onnx", "mlops.contract": "bundle/contract.yaml"}
# No time, and no word of the builder's, so that the same files make the same image.
BUILD = {
    "buildah": ("buildah", "build", "--layers", "--timestamp", "0", "--identity-label=false"),
    "docker": ("docker", "build"),
}
SECONDS = 60
ENVIRONMENT = {"BUILDX_NO_DEFAULT_ATTESTATIONS": "1", "SOURCE_DATE_EPOCH": "0"}
PUSH = {"buildah": ("buildah", "push", "--quiet"), "docker": ("docker", "push", "--quiet")}
INSPECT = {
    "buildah": ("buildah", "inspect", "--type", "image", "--format"),
    "docker": ("docker", "image", "inspect", "--format"),
}
# What a builder's own store can tell of an image: the digest it has there, the one it has at a registry, its label.
HELD = {"buildah": "{{.FromImageDigest}}", "docker": "{{.Id}}"}
PUBLISHED = {"buildah": "{{.FromImageDigest}}", "docker": "{{with .RepoDigests}}{{index . 0}}{{end}}"}
LABEL_OF = {
    "buildah": f'{{{{index .OCIv1.Config.Labels "{LABEL}"}}}}',
    "docker": f'{{{{index .Config.Labels "{LABEL}"}}}}',
}
INSTALL = {
    "buildah": "`apt install buildah` or `dnf install buildah`; there is none for macOS and Windows",
    "docker": "see https://docs.docker.com/get-docker/",
}


@dataclass(frozen=True)
class OciBuilder:
    """Images of a registry, each tagged with the 64 digits of its identity."""

    settings: Settings
    tool: str

    def reference(self, identity: str) -> str:
        """Name an image by its tag."""
        return f"{require_repository(self.settings.image)}:{_tag(identity)}"

    def lookup(self, identity: str) -> str | None:
        """Find the digest of an identity's image in the registry; None when it must be built.

        Raises:
            MlopsError: The registry cannot be asked, or has another image under this name.
        """
        repository = require_repository(self.settings.image)
        digest = registry.lookup(repository, _tag(identity))
        if digest is None:
            return None
        told = registry.labels(repository, digest).get(LABEL)
        if told != identity:
            raise MlopsError(
                f"{self.reference(identity)} has the label {LABEL}={told!r}: somebody pushed another image under this "
                "name. Delete that tag in the registry, then run again."
            )
        return digest

    def held(self, identity: str) -> str | None:
        """Find the image in the builder's own store, by the digest that it has there."""
        reference = self.reference(identity)
        return inspect(self.tool, reference, HELD) if inspect(self.tool, reference, LABEL_OF) == identity else None

    def build(self, identity: str, files: tuple[Copied, ...]) -> None:
        """Build an image from exactly these files and the Dockerfile, into the builder's own store.

        Raises:
            MlopsError: The builder is missing or fails, or a file changed while it was copied.
        """
        facts = {file.path: file.sha256 for file in files}
        labels = {LABEL: identity, **{label: facts[path] for label, path in LABELLED.items()}}
        with staged(self.settings, files, identity) as place:
            _run(
                *BUILD[self.tool],
                *("--platform", self.settings.platform, "--file", str(place.dockerfile)),
                *("--tag", self.reference(identity)),
                *(word for label in labels.items() for word in ("--label", "=".join(label))),
                *options(),
                str(place.folder),
            )

    def push(self, identity: str) -> str:
        """Push an image that was built; harmless where another run did so meanwhile.

        Returns:
            Its digest, as the registry says.

        Raises:
            MlopsError: The registry did not take it.
        """
        reference = self.reference(identity)
        insecure = ["--tls-verify=false"] if self.tool == "buildah" and plain(reference) else []
        try:
            _run(*PUSH[self.tool], *insecure, reference)
        except MlopsError:
            # Where tags are immutable, the slower of two is refused what is there already.
            if digest := self.lookup(identity):
                return digest
            raise
        digest = self.lookup(identity)
        if digest is None:
            raise MlopsError(f"{reference} was pushed, and yet the registry has none such. Run again.")
        return digest


def options() -> list[str]:
    """Read what somebody wants a builder to be told besides.

    Raises:
        MlopsError: A quote is not closed.
    """
    text = os.environ.get(OPTIONS, "")
    try:
        return shlex.split(text)
    except ValueError as error:
        raise MlopsError(f"{OPTIONS}: {text!r} cannot be read ({error}). Close the quote.") from error


def inspect(tool: str, reference: str, what: dict[str, str]) -> str | None:
    """Ask a builder's own store about an image; None where it has none such, or cannot tell.

    Args:
        tool: `buildah` or `docker`.
        reference: The image's name.
        what: HELD, PUBLISHED or LABEL_OF.

    Raises:
        MlopsError: The builder is missing, or does not answer.
    """
    command = (*INSPECT[tool], what[tool], reference)
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    except FileNotFoundError as error:
        raise _missing(tool) from error
    except subprocess.TimeoutExpired as error:
        raise MlopsError(f"{tool} did not answer in {SECONDS} s. Does it run? Look with `{tool} info`.") from error
    return done.stdout.strip().rpartition("@")[2] or None if done.returncode == 0 else None


def installed(tool: str) -> bool:
    """Say whether this machine has a builder."""
    return shutil.which(tool) is not None


def _tag(identity: str) -> str:
    return identity.removeprefix("sha256:")


def _run(*command: str) -> None:
    """Run a builder; what it says goes to standard error, line by line, since the answer is ours to print."""
    last: deque[str] = deque(maxlen=1)
    try:
        with subprocess.Popen(
            command,
            env={**os.environ, **ENVIRONMENT},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            for line in process.stdout or ():
                sys.stderr.write(line)
                sys.stderr.flush()
                last.extend([line.strip()] if line.strip() else [])
    except FileNotFoundError as error:
        raise _missing(command[0]) from error
    if process.returncode:
        raise MlopsError(
            f"`{' '.join(command[:2])}` exited with {process.returncode}: {''.join(last) or 'it said nothing'}. "
            "Above is what it said; docs/guides/image.md lists the usual causes."
        )


def _missing(tool: str) -> MlopsError:
    other = next(name for name in BUILD if name != tool)
    return MlopsError(
        f"The builder {tool!r} is not installed: {INSTALL[tool]}. "
        f'Or set `builder = "{other}"` under [tool.mlops] in pyproject.toml.'
    )
