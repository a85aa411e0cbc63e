"""The list of what is installed in an image (SBOM), as CycloneDX JSON."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from mlops.contract.errors import MlopsError
from mlops.delivery.dockerfile import minor
from mlops.settings import Settings

PINS = Path("requirements/serve.txt")
PLACE = Path("build/sbom.cdx.json")
MACHINES = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}


def write(settings: Settings, *, local: bool) -> Path:
    """List the packages that an image gets, with their hashes; the same pins give the same bytes.

    Args:
        settings: The project.
        local: Whether the image is this machine's own, which then decides which pins apply.

    Returns:
        The file.

    Raises:
        MlopsError: The list could not be made.
    """
    lines = applying((settings.root / PINS).read_text(encoding="utf-8"), {} if local else markers(settings))
    # Its own check against the schema takes seconds and can only find faults of its own.
    options = ("--output-reproducible", "--no-validate", "--of", "JSON")
    project = ("--pyproject", str(settings.root / "pyproject.toml"))
    command = (sys.executable, "-m", "cyclonedx_py", "requirements", "-", *options, *project)
    done = subprocess.run(command, input="\n".join(lines), capture_output=True, text=True, check=False)
    if done.returncode:
        raise MlopsError(
            f"The list of {PINS} could not be made: {done.stderr.strip().rpartition(chr(10))[2]}. "
            "Run `make setup`; if that does not help, `make lock`."
        )
    target = settings.root / PLACE
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(done.stdout, encoding="utf-8")
    return target


def applying(text: str, environment: Mapping[str, str]) -> Iterator[str]:
    """Pick the pins that an environment gets.

    Args:
        text: A requirements file with hashes.
        environment: What markers ask for (PEP 508), where it differs from here.

    Returns:
        Its logical lines, comments and pins of other platforms left out.
    """
    from packaging.requirements import Requirement

    for line in text.replace("\\\n", " ").splitlines():
        head = line.partition(" --hash")[0].partition("#")[0].strip()
        marker = Requirement(head).marker if head else None
        if head and (marker is None or marker.evaluate(dict(environment))):
            yield " ".join(line.split())


def markers(settings: Settings) -> dict[str, str]:
    """Say what the image's Python will answer to markers."""
    python = minor(settings.root)
    return {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "os_name": "posix",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": MACHINES[settings.platform],
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
