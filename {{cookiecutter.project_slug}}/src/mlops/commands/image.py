"""`mlops image build|pin`."""

from __future__ import annotations

from mlops.commands.words import say
from mlops.contract.errors import MlopsError
from mlops.delivery import builder as builders
from mlops.delivery import dockerfile, oci, registry, sbom
from mlops.delivery.remote import storage
from mlops.settings import Settings, find


def build(builder: str | None, *, push: bool) -> None:
    """Find the image of the working tree, or build it."""
    settings = find()
    tool = builder or builders.default(settings)
    if push and tool == "local":
        raise MlopsError("A local image is pushed nowhere. Leave --push away, or use `--builder buildah` or `docker`.")
    image, built = builders.find_or_build(settings, builder=tool, push=push)
    if tool == "local":
        note(settings)
    elif not push:
        say(f"note      in the store of {tool} alone, by its digest there; --push brings it to the registry")
    say(f"sbom      {sbom.write(settings, local=tool == 'local').relative_to(settings.root)}")
    say(f"{'built' if built else 'found'}  {image.identity}")
    say(f"{image.repository}@{image.digest}")


def pin(builder: str | None) -> None:
    """Pin the base images of the Dockerfile by the digests that they have now."""

    def ask(base: dockerfile.Base) -> str:
        found = oci.inspect(builder, str(base), oci.PUBLISHED) if builder else _published(base)
        if not found:
            raise MlopsError(
                f"Dockerfile: the base {str(base)!r} is not {f'in the store of {builder}' if builder else 'there'}. "
                "Correct its name; `--builder buildah` or `docker` takes one that lies on this machine alone."
            )
        return found

    for old, new in dockerfile.pin(find().root, ask).items():
        say(f"{'as it was' if old == new else 'pinned   '}  {new}")


def _published(base: dockerfile.Base) -> str | None:
    try:
        return registry.lookup(base.repository, base.tag or "latest")
    except MlopsError as error:
        raise MlopsError(f"{error} `--builder buildah` or `docker` pins one that lies on this machine.") from error


def note(settings: Settings) -> None:
    """Say where local images lie when that is not beside the DVC remote."""
    words = storage(settings).note
    if words:
        say(f"note      {words}")
