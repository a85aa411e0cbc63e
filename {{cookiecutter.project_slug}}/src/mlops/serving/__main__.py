"""Serve a bundle: `python -m mlops.serving --bundle DIR [--release FILE] [--port N | --fd N]`."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlops.contract.errors import MlopsError
from mlops.serving.app import place
from mlops.serving.documents import State
from mlops.serving.examples import require_expected
from mlops.serving.feedback_setup import Setup, add_options, attach, setup
from mlops.serving.log import event, serves, take_over
from mlops.serving.metrics import Telemetry
from mlops.serving.predictor import Predictor
from mlops.serving.record import read_release
from mlops.serving.server import Server, Start, address
from mlops.serving.tracing import start_tracing
from mlops.serving.workers import run_workers

MOST_WORKERS = 64


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT.

    Returns:
        The exit code: 0 after a drain, 2 if the bundle cannot be served.
    """
    options = _parser().parse_args(arguments)
    take_over()
    try:
        feedback = setup(options)
        if options.workers > 1:
            run_workers(_command(options), _listener(options), options.workers, options.ready_fd)
        else:
            _serve(options, feedback)
    except MlopsError as error:
        event("stop", "error", str(error))
        print(" ".join(str(error).split()), file=sys.stderr, flush=True)
        return error.exit_code
    event("stop", message="drained")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m mlops.serving", description="Serve a bundle over HTTP.")
    parser.add_argument("--bundle", type=Path, required=True, help="folder that train wrote")
    parser.add_argument("--release", type=Path, help="release.yaml: what the bundle must be, and what /version tells")
    parser.add_argument("--host", default="127.0.0.1")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--port", type=int, default=8000, help="0 takes a free one, which the start line names")
    where.add_argument("--fd", type=int, help="a listening socket that another process holds")
    told = "a pipe that is told /version when ready and that we drain; when its reader ends, so does the server"
    parser.add_argument("--ready-fd", type=int, help=told)
    parser.add_argument("--concurrency", type=int, default=64, help="requests answered at once before 503")
    parser.add_argument("--threads", type=int, default=1, help="threads for one run of the model")
    parser.add_argument("--workers", type=_count, default=1, help="processes that answer, each with the model")
    parser.add_argument("--tally", type=Path, help=argparse.SUPPRESS)  # for workers: where they share their counters
    parser.add_argument("--slot", type=int, default=0, help=argparse.SUPPRESS)  # and which of them this is
    add_options(parser)
    parser.add_argument("--grace", type=float, default=10.0, help="seconds for open connections after SIGTERM")
    return parser


def _count(text: str) -> int:
    number = int(text)
    if not 1 <= number <= MOST_WORKERS:
        raise argparse.ArgumentTypeError(f"{text} is not from 1 to {MOST_WORKERS}")
    return number


def _command(options: argparse.Namespace) -> list[str]:
    """Write the flags of a worker: all that were given, but for the socket and the parent's pipe."""
    own = {"host", "port", "fd", "ready_fd", "workers", "tally", "slot"}
    given = [(name, value) for name, value in vars(options).items() if name not in own and value is not None]
    return [part for name, value in given for part in (f"--{name.replace('_', '-')}", str(value))]


def _serve(options: argparse.Namespace, feedback: Setup | None) -> None:
    began = time.monotonic()
    release = read_release(options.release) if options.release else None
    listener = _listener(options)
    name = str(release["id"]) if release else ""
    serves(name)
    shared = None if options.tally is None else (options.tally, options.slot)
    state = State(limit=options.concurrency, telemetry=Telemetry(shared), tracing=start_tracing(name))

    def load() -> None:
        predictor = Predictor.load(options.bundle, release, options.threads)
        _warm_up(predictor)
        require_expected(predictor.answer, options.bundle)
        scorer = predictor.scorer
        state.telemetry.loaded(scorer.contract, scorer.task, predictor.profile, release, predictor.model_sha256)
        # Only now: what was asked so far was asked by nobody.
        predictor, state.feedback = attach(feedback, predictor, state.telemetry)
        state.predictor = predictor

    async def ready() -> None:
        version = state.predictor.version if state.predictor else {}
        event(
            "start" if shared is None else "worker-start",
            address=address(listener),
            seconds=round(time.monotonic() - began, 2),
            **version | {"process.pid": os.getpid(), "slot": options.slot},
        )
        if options.ready_fd is not None:
            await _tell(options.ready_fd, version, server)

    server = Server(state, Start(load, ready, shared=options.fd is not None, grace=options.grace))
    asyncio.run(server.serve([listener]))
    if state.tracing is not None:
        state.tracing.close()


def _listener(options: argparse.Namespace) -> socket.socket:
    if options.fd is not None:
        try:
            return socket.socket(fileno=options.fd)
        except OSError as error:
            raise MlopsError(f"--fd {options.fd}: no open socket ({error.strerror}).") from error
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    # asyncio turns Nagle's delay off only where the protocol is named; without that a request takes 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((options.host, options.port))
    except (OSError, OverflowError) as error:
        raise MlopsError(f"cannot listen on {options.host}:{options.port}: {error}. Choose another --port.") from error
    return listener


def _warm_up(predictor: Predictor) -> None:
    try:
        predictor.warm_up()
    except MlopsError as error:
        kind, where = place(error)
        told = {"error.type": kind, "error.message": where}
        event("warm-up", "warning", "the model has no answer to a row of nulls", **told)


async def _tell(descriptor: int, version: dict[str, Any], server: Server) -> None:
    """Write one line to the pipe, and end when nobody holds its other end: a server without its parent is an orphan."""

    class Watch(asyncio.BaseProtocol):
        def connection_lost(self, exc: Exception | None) -> None:
            server.should_exit = True

    pipe = os.fdopen(descriptor, "wb", buffering=0)
    transport, _ = await asyncio.get_running_loop().connect_write_pipe(Watch, pipe)
    transport.write(json.dumps(version, default=str).encode() + b"\n")
    server.parent = transport


if __name__ == "__main__":
    sys.exit(main())
