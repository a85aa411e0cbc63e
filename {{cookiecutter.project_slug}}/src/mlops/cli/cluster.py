"""Where releases run: `mlops cluster|local|serve`."""

from __future__ import annotations

from typing import Annotated

import typer

from mlops.cli.model import Env

app = typer.Typer()
cluster = typer.Typer(no_args_is_help=True, help="The Kubernetes cluster whose Argo CD follows this repository.")
local = typer.Typer(no_args_is_help=True, help="Serve on this machine the release that Git names.")
app.add_typer(cluster, name="cluster")
app.add_typer(local, name="local")


@cluster.command("up")
def cluster_up(name: Annotated[str, typer.Option(help="The name of the cluster.")] = "mlops") -> None:
    """Make a kind cluster with Argo CD on this machine, or find it."""
    from mlops.commands import cluster as command

    command.up(name)


@cluster.command("bootstrap")
def cluster_bootstrap() -> None:
    """Tell the cluster's Argo CD to follow this repository; a second time changes nothing."""
    from mlops.commands import cluster as command

    command.bootstrap()


@local.command("up")
def local_up(
    env: Env = "staging",
    port: Annotated[int, typer.Option(help="The port on 127.0.0.1; 0 takes a free one.", min=0, max=65535)] = 8000,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Go on in the background.")] = False,
) -> None:
    """Serve the release that Git names, and follow it."""
    from mlops.commands import local as command

    command.up(env, port, detach=detach)


@local.command("down")
def local_down(env: Env = "staging") -> None:
    """Stop serving an environment."""
    from mlops.commands import local as command

    command.down(env)


@app.command()
def serve(port: Annotated[int, typer.Option(help="The port on 127.0.0.1.", min=1, max=65535)] = 8000) -> None:
    """Serve build/bundle as it is, released or not."""
    from mlops.commands import local as command

    command.serve(port)
