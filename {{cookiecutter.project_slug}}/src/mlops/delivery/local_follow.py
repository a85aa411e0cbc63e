"""Hold the port of an environment and reconcile it until a signal."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from mlops.contract.errors import MlopsError
from mlops.delivery import local_state
from mlops.delivery.local_reconciler import Reconciler, Say
from mlops.settings import Settings


class Stopped(BaseException):
    """A signal asks for the end."""


def follow(
    settings: Settings, env: str, port: int, poll: float, say: Say, settled: Callable[[], None] = lambda: None
) -> None:
    """Serve what Git names until SIGTERM or SIGINT.

    Args:
        settings: The project.
        env: The environment.
        port: Port on 127.0.0.1; 0 takes a free one.
        poll: Seconds between two looks at the remote.
        say: Gets one line per event.
        settled: Called after the first look, whether or not there was something to serve.

    Raises:
        MlopsError: It is up already, or the port is taken.
    """
    with local_state.hold(settings, env), _bound(port) as listener, _signals():
        _reconcile(Reconciler(settings, env, listener, say), poll, settled)


def _reconcile(reconciler: Reconciler, poll: float, settled: Callable[[], None]) -> None:
    try:
        reconciler.write_state()
        reconciler.step()
        settled()
        while True:
            reconciler.rest(poll)
            reconciler.step()
    except Stopped:
        pass
    finally:
        reconciler.stop()


@contextmanager
def _bound(port: int) -> Iterator[socket.socket]:
    """Hold the port; the first server makes it listen, so until then clients are refused instead of kept waiting."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            if port and _answers(port):
                raise OSError("another process listens there")
            listener.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise MlopsError(f"cannot listen on 127.0.0.1:{port}: {error}. Choose another --port.") from error
        yield listener


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def _signals() -> Iterator[None]:
    """Turn SIGTERM and SIGINT into `Stopped`, once."""

    def stop(number: int, frame: FrameType | None) -> None:
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, signal.SIG_IGN)
        raise Stopped

    before = {name: signal.signal(name, stop) for name in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
