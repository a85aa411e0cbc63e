"""The HTTP surface: lean routes for `/predict`, `/feedback` and `/metrics`, FastAPI for the rest."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from mlops.contract.errors import MlopsError
from mlops.serving.asgi import Receive, Scope, Send, read_body, refuse, respond
from mlops.serving.body import Refusal
from mlops.serving.documents import State, documented
from mlops.serving.exchange import CLIENT_LEFT, Exchange
from mlops.serving.feedback import OFF
from mlops.serving.metrics_requests import FEEDBACK, METRICS, PREDICT
from mlops.serving.predictor import Predictor

# Below this a thread costs more than the answer; above it other clients would wait too long.
INLINE_BYTES = 16 * 1024
BUSY, LOADING, NO_KEY = [("", "busy")], [("", "loading")], [("", "no_key")]
Answer = Callable[[bytes], Awaitable[bytes]]


class App:
    """The ASGI application."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.rest = documented(state)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; while draining, tell the client to come back on another connection."""
        if scope["type"] != "http":
            await self.rest(scope, receive, send)
            return
        exchange = Exchange(scope, self.state.telemetry, self.state.tracing)
        try:
            await self._route(exchange, scope, receive, exchange.sender(send, self._draining))
        finally:
            exchange.end()

    def _draining(self) -> bool:
        return self.state.draining

    async def _route(self, exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
        if exchange.route == PREDICT:
            await self._post(exchange, scope, receive, send, self._answer)
        elif exchange.route == FEEDBACK:
            await self._post(exchange, scope, receive, send, self._outcomes)
        elif exchange.route == METRICS and scope["method"] == "GET":
            await self._metrics(scope, send)
        else:
            await self.rest(scope, receive, send)

    async def _metrics(self, scope: Scope, send: Send) -> None:
        accept = dict(scope["headers"]).get(b"accept", b"").decode("latin-1")
        text, kind = await asyncio.to_thread(self.state.telemetry.exposition, accept)
        await respond(send, 200, text, (b"content-type", kind.encode()))

    async def _post(self, exchange: Exchange, scope: Scope, receive: Receive, send: Send, answer: Answer) -> None:
        try:
            await respond(send, 200, await self._bounded(scope, receive, answer))
        except Refusal as refusal:
            exchange.refused(refusal.places)
            self.state.telemetry.refused(refusal.places)
            await refuse(send, refusal.status, refusal.detail)
        except MlopsError as error:
            exchange.failed(*place(error))
            await refuse(send, 500, str(error))
        except ConnectionError:
            exchange.status = CLIENT_LEFT
        except Exception as error:
            exchange.failed(*place(error))
            await refuse(send, 500, f"the server failed on this request ({type(error).__name__})")

    async def _bounded(self, scope: Scope, receive: Receive, answer: Answer) -> bytes:
        if scope["method"] != "POST":
            raise Refusal(405, f"send {'rows' if scope['path'] == PREDICT else 'outcomes'} to {scope['path']} by POST")
        if self.state.busy >= self.state.limit:
            raise Refusal(503, f"{self.state.limit} requests are being answered already; try again in a second", BUSY)
        self.state.busy += 1
        try:
            return await answer(await read_body(scope, receive))
        finally:
            self.state.busy -= 1

    async def _answer(self, body: bytes) -> bytes:
        predictor = self.state.predictor
        if predictor is None:
            raise Refusal(503, "the model is being loaded and verified; try again in a second", LOADING)
        if len(body) <= INLINE_BYTES:
            return self._counted(predictor, body)
        return await asyncio.to_thread(self._counted, predictor, body)

    async def _outcomes(self, body: bytes) -> bytes:
        if self.state.predictor is None:
            raise Refusal(503, "the model is being loaded and verified; try again in a second", LOADING)
        if self.state.feedback is None:
            raise Refusal(503, OFF, NO_KEY)
        return await asyncio.to_thread(self.state.feedback.answer, body)

    def _counted(self, predictor: Predictor, body: bytes) -> bytes:
        answer = predictor.predict(body)
        self.state.telemetry.predicted(answer.checked.columns, answer.scores, answer.labels, answer.checked.warnings)
        return answer.body


def place(error: BaseException) -> tuple[str, str]:
    """Name the kind of an error and the line that raised it; its text may quote a row and is left out."""
    cause = error.__cause__ or error
    trace, kind = cause.__traceback__, type(cause).__name__
    if trace is None:
        return kind, kind
    while trace.tb_next is not None:
        trace = trace.tb_next
    return kind, f"{kind} at {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
