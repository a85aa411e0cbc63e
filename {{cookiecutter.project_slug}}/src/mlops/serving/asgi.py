"""Read the body of a request and write an answer, on bare ASGI."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from mlops.serving.body import MAX_BYTES, Refusal

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

READ_SECONDS = 15.0
DRAINED_BYTES = 8 * MAX_BYTES
JSON = (b"content-type", b"application/json")
MORE = {405: ((b"allow", b"POST"),), 503: ((b"retry-after", b"1"),)}


async def read_body(scope: Scope, receive: Receive) -> bytes:
    """Read a body of bounded length in bounded time.

    Raises:
        Refusal: It is too slow (408), too long (413) or compressed (415).
        ConnectionError: The client went away.
    """
    headers = dict(scope["headers"])
    if headers.get(b"content-encoding", b"identity") != b"identity":
        raise Refusal(415, "the body is compressed: send plain JSON")
    if b"expect" in headers and int(headers.get(b"content-length", b"0")) > MAX_BYTES:
        raise _too_long()
    try:
        async with asyncio.timeout(READ_SECONDS):
            return await _read(receive)
    except TimeoutError:
        raise Refusal(408, f"the body did not arrive within {READ_SECONDS:g} seconds") from None


async def _read(receive: Receive) -> bytes:
    length, parts, more = 0, [], True
    # A client that still sends would see a reset instead of the answer, so what is too long is read and dropped.
    while more and length <= DRAINED_BYTES:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError
        part, more = message.get("body", b""), message.get("more_body", False)
        length += len(part)
        if length <= MAX_BYTES:
            parts.append(part)
    if length > MAX_BYTES:
        raise _too_long()
    return b"".join(parts)


def _too_long() -> Refusal:
    return Refusal(413, f"the body is longer than {MAX_BYTES} bytes: send fewer rows at once")


async def respond(send: Send, status: int, body: bytes, kind: tuple[bytes, bytes] = JSON) -> None:
    """Send bytes, JSON unless another content type is given, as the whole answer."""
    headers = [kind, (b"content-length", str(len(body)).encode()), *MORE.get(status, ())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def refuse(send: Send, status: int, detail: Any) -> None:
    """Send `{"detail": ...}`, as FastAPI does."""
    await respond(send, status, json.dumps({"detail": detail}, default=str).encode())
