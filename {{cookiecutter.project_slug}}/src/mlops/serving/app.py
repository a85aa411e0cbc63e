"""The HTTP surface: a lean route for `/predict`, FastAPI for the rest."""

from __future__ import annotations

import asyncio

from mlops.contract.errors import MlopsError
from mlops.serving.asgi import Message, Receive, Scope, Send, read_body, refuse, respond
from mlops.serving.body import Refusal
from mlops.serving.documents import State, documented
from mlops.serving.log import event

# Below this a thread costs more than the answer; above it other clients would wait too long.
INLINE_BYTES = 16 * 1024
BUSY, LOADING = [("", "busy")], [("", "loading")]
CLOSE = (b"connection", b"close")


class App:
    """The ASGI application."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.rest = documented(state)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; while draining, tell the client to come back on another connection."""
        if scope["type"] == "http":
            send = self._closing(send)
            if scope["path"] == "/predict":
                await self._predict(scope, receive, send)
                return
        await self.rest(scope, receive, send)

    def _closing(self, send: Send) -> Send:
        async def closing(message: Message) -> None:
            if self.state.draining and message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), CLOSE]
            await send(message)

        return closing

    async def _predict(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await respond(send, 200, await self._bounded(scope, receive))
        except Refusal as refusal:
            event("request", "warning", status=refusal.status, refused=refusal.places)
            await refuse(send, refusal.status, refusal.detail)
        except MlopsError as error:
            event("request", "error", status=500, error=place(error))
            await refuse(send, 500, str(error))
        except ConnectionError:
            event("request", "warning", status=499, refused="the client left")
        except Exception as error:
            event("request", "error", status=500, error=place(error))
            await refuse(send, 500, f"the server failed on this request ({type(error).__name__})")

    async def _bounded(self, scope: Scope, receive: Receive) -> bytes:
        if scope["method"] != "POST":
            raise Refusal(405, "send rows to /predict by POST")
        if self.state.busy >= self.state.limit:
            raise Refusal(503, f"{self.state.limit} requests are being answered already; try again in a second", BUSY)
        self.state.busy += 1
        try:
            return await self._answer(await read_body(scope, receive))
        finally:
            self.state.busy -= 1

    async def _answer(self, body: bytes) -> bytes:
        predictor = self.state.predictor
        if predictor is None:
            raise Refusal(503, "the model is being loaded and verified; try again in a second", LOADING)
        if len(body) <= INLINE_BYTES:
            return predictor.answer(body)
        return await asyncio.to_thread(predictor.answer, body)


def place(error: BaseException) -> str:
    """Name the kind of an error and the line that raised it; its text may quote a row and is left out."""
    cause = error.__cause__ or error
    trace = cause.__traceback__
    if trace is None:
        return type(cause).__name__
    while trace.tb_next is not None:
        trace = trace.tb_next
    return f"{type(cause).__name__} at {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
