"""`mlops image build|pin`."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout

from mlops.commands.words import say
from mlops.contract.errors import MlopsError
from mlops.delivery import builder as builders
from mlops.delivery import dockerfile, oci, registry, sbom
from mlops.delivery.remote import storage
from mlops.settings import Settings, find


def build(builder: str | None, *, push: bool, outputs: bool = False) -> None:
    """Find the image of the working tree, or build it."""
    settings = find()
    tool = builder or builders.default(settings)
    if push and tool == "local":
        raise MlopsError("A local image is pushed nowhere. Leave --push away, or use `--builder buildah` or `docker`.")
    with redirect_stdout(sys.stderr if outputs else sys.stdout):
        image, built = builders.find_or_build(settings, builder=tool, push=push)
        if tool == "local":
            note(settings)
        elif not push:
            say(f"note      in the store of {tool} alone, by its digest there; --push brings it to the registry")
        listed = sbom.write(settings, local=tool == "local").relative_to(settings.root)
        say(f"sbom      {listed}")
        say(f"{'built' if built else 'found'}  {image.identity}")
        say(f"{image.repository}@{image.digest}")
    if outputs:
        say(f"repository={image.repository}\ndigest={image.digest}\nsbom={listed.as_posix()}")


def pin(builder: str | None) -> None:
    """Pin the base images of the Dockerfile by the digests that they have now."""
    settings = find()

    def ask(base: dockerfile.Base) -> str:
        if builder is None:
            return _published(settings, base)
        found = oci.inspect(builder, str(base), oci.PUBLISHED)
        if not found:
            raise MlopsError(f"{str(base)!r} is not in the store of {builder}. Run `{builder} pull {base}` first.")
        return found

    for old, new in dockerfile.pin(settings.root, ask).items():
        say(f"{'as it was' if old == new else 'pinned':<10}{new}")


def _published(settings: Settings, base: dockerfile.Base) -> str:
    """Ask the base's registry; where it has no answer, the builder's own store, and say so."""
    try:
        found = registry.lookup(base.repository, base.tag or "latest")
        problem = MlopsError(f"{base.repository!r} has no {base.tag!r}. Correct FROM in the Dockerfile.")
    except MlopsError as error:
        found, problem = None, error
    if found:
        return found
    held = oci.inspect(settings.builder, str(base), oci.PUBLISHED) if oci.installed(settings.builder) else None
    if not held:
        raise problem
    say(f"note      {problem}")
    say(f"note      the digest is the one that lies in the store of {settings.builder}: others must have it too")
    return held


def note(settings: Settings) -> None:
    """Say where local images lie when that is not beside the DVC remote."""
    words = storage(settings).note
    if words:
        say(f"note      {words}")
