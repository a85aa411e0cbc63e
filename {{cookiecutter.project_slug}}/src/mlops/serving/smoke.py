"""Ask a running service what smoke.json asks: `python -m mlops.serving.smoke --bundle DIR --url URL --release FILE`."""

from __future__ import annotations

import argparse
import http.client
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mlops.contract.errors import MlopsError, Refused
from mlops.serving.examples import NAME, Example, differences, read_examples
from mlops.serving.log import event
from mlops.serving.record import Facts, read_release

PAUSE = 1.0
PATIENCE = 10.0  # seconds for one answer
SHOWN, FEW = 300, 3
Connect = Callable[[], http.client.HTTPConnection]


class NotYet(Exception):
    """Something answers, but not this release, or not now: it is asked again."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask until this release answers, then compare.

    Returns:
        The exit code: 0 all as expected, 1 a wrong answer, 2 no answer of this release in time.
    """
    parser = argparse.ArgumentParser(
        prog="python -m mlops.serving.smoke", description="Compare answers with smoke.json."
    )
    parser.add_argument("--bundle", type=Path, required=True, help="folder that train wrote")
    parser.add_argument("--url", required=True, help="where the service answers, http://host:port")
    parser.add_argument("--release", type=Path, required=True, help="release.yaml: who has to answer")
    parser.add_argument("--timeout", type=float, default=300.0, help="seconds until this release has to answer")
    options = parser.parse_args(arguments)
    try:
        connect = connector(options.url)
        facts, examples = read_release(options.release), read_examples(options.bundle / NAME)
        faults = asked(connect, facts, examples, options.timeout)
        if faults:
            more = f"; and {len(faults) - FEW} more" if len(faults) > FEW else ""
            raise Refused(f"Release {facts['id']} answers wrongly: {'; '.join(faults[:FEW])}{more}")
    except MlopsError as error:
        event("smoke", "error", str(error))
        print(" ".join(str(error).split()), file=sys.stderr, flush=True)
        return error.exit_code
    event("smoke", message="every answer is as expected", release=facts["id"], rows=len(examples))
    return 0


def connector(url: str) -> Connect:
    """Read an address; each call of what is returned makes a new connection.

    Raises:
        MlopsError: It is no address, for example because a variable in it was not known.
    """
    parts = urlsplit(url)
    host, colon, port = parts.netloc.rpartition(":")
    if parts.scheme != "http" or "$(" in url or not (host if colon and port.isdigit() else parts.netloc):
        raise MlopsError(
            f"--url {url!r} must be like http://10.0.0.1:80. Kubernetes puts $(NAME_SERVICE_HOST) in when the service "
            "is there before the pod: delete the job, so that it is made again."
        )
    if not port.isdigit():
        host, port = parts.netloc, "80"
    return lambda: http.client.HTTPConnection(host.strip("[]"), int(port), timeout=PATIENCE)


def asked(
    connect: Connect,
    facts: Facts,
    examples: Sequence[Example],
    timeout: float,
    sleep: Callable[[float], None] = time.sleep,
) -> list[str]:
    """Ask until this release has answered every row; returns what is wrong with its answers.

    Raises:
        MlopsError: It did not answer in time; the message says what did.
    """
    deadline, seen = time.monotonic() + timeout, ""
    while True:
        connection = connect()
        try:
            return list(_compared(connection, facts, examples))
        except (NotYet, OSError, http.client.HTTPException) as error:
            reason = str(error) or type(error).__name__
        finally:
            connection.close()
        if reason != seen:
            event("smoke-wait", message=reason, release=facts["id"])
        seen, left = reason, deadline - time.monotonic()
        if left <= 0:
            raise MlopsError(f"Release {facts['id']} did not answer within {timeout:g} seconds; last seen: {reason}.")
        sleep(min(PAUSE, left))


def _compared(connection: http.client.HTTPConnection, facts: Facts, examples: Sequence[Example]) -> Iterator[str]:
    """Compare over one connection: who answers `/version` there also answers what follows."""
    connection.connect()
    connection.auto_open = 0
    yield from _version_faults(_version(connection, facts), facts)
    for number, (row, due) in enumerate(examples):
        faults = [f"row {number}: {fault}" for fault in _row_faults(connection, facts, row, due)]
        told: dict[str, Any] = {"sent": row, "faults": faults} if faults else {}
        event("smoke-row", "error" if faults else "info", f"row {number}", row=number, **told)
        yield from faults


def _version(connection: http.client.HTTPConnection, facts: Facts) -> dict[str, Any]:
    status, answer = _exchange(connection, "GET", "/version")
    release = answer.get("release") if isinstance(answer, dict) else None
    name = release.get("id") if isinstance(release, dict) else None
    if status != 200 or name != facts["id"]:
        raise NotYet(f"/version answers {status}" if status != 200 else f"release {name} answers")
    found: dict[str, Any] = answer
    return found


def _version_faults(version: dict[str, Any], facts: Facts) -> Iterator[str]:
    found = {"model": version.get("model_sha256"), "contract": dict(version.get("contract") or {}).get("sha256")}
    for field, answered in found.items():
        told = dict(facts.get(field) or {}).get("sha256")
        if told != answered:
            yield f"{field}.sha256 is {answered!r} by /version and {told!r} by release.yaml"


def _row_faults(
    connection: http.client.HTTPConnection, facts: Facts, row: dict[str, Any], due: dict[str, Any]
) -> Iterator[str]:
    status, answer = _exchange(connection, "POST", "/predict", json.dumps({"rows": [row]}).encode())
    if status != 200:
        yield f"status {status}: {json.dumps(answer)[:SHOWN]}"
        return
    if answer.get("release") != facts["id"]:
        raise NotYet(f"release {answer.get('release')} answers")
    (prediction,) = answer["predictions"]
    for key, value in due.items():
        yield from differences(key, value, prediction.get(key))


def _exchange(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None
) -> tuple[int, Any]:
    connection.request(method, path, body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    text = response.read()
    if response.status == 503:
        raise NotYet(f"{path} answers 503")
    try:
        return response.status, json.loads(text)
    except ValueError:
        if response.status == 200:
            raise NotYet(f"{path} answers no JSON") from None
        return response.status, text.decode("utf-8", "replace")


if __name__ == "__main__":
    sys.exit(main())
