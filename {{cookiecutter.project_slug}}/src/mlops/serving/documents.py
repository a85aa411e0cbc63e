"""The FastAPI part: probes, `/version`, and the OpenAPI document derived from the contract."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI
from fastapi.responses import JSONResponse

from mlops.serving.body import MAX_BYTES
from mlops.serving.metrics import Telemetry
from mlops.serving.predictor import Predictor
from mlops.serving.schema import Schema, request_schema, response_schema
from mlops.serving.tracing import Tracing

WAIT = {"Retry-After": "1"}
REFUSALS = {
    "400": "The body is no JSON.",
    "413": f"The body is longer than {MAX_BYTES} bytes.",
    "422": "A row breaks the contract.",
    "503": "Busy or not ready; Retry-After says when to come back.",
}


@dataclass
class State:
    """What changes while the server runs."""

    predictor: Predictor | None = None
    draining: bool = False
    busy: int = 0
    limit: int = 64
    telemetry: Telemetry = field(default_factory=Telemetry)
    tracing: Tracing | None = None


def documented(state: State) -> FastAPI:
    """Make the FastAPI application for everything but `/predict`, which its documents name."""
    app = FastAPI(title="mlops")
    app.add_api_route("/livez", _livez, operation_id="livez", summary="Whether the process runs")

    @app.get("/readyz", operation_id="readyz", summary="Whether the model is verified and requests are welcome")
    async def readyz() -> JSONResponse:
        if state.predictor is None or state.draining:
            return JSONResponse({"detail": "draining" if state.draining else "loading"}, 503, WAIT)
        return JSONResponse({"status": "ready"})

    @app.get("/version", operation_id="version", summary="Which release this is")
    async def version() -> JSONResponse:
        if state.predictor is None:
            return JSONResponse({"detail": "loading"}, 503, WAIT)
        return JSONResponse(json.loads(json.dumps(state.predictor.version, default=str)))

    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        return document if state.predictor is None else _with_predict(document, state.predictor)

    app.openapi = openapi  # type: ignore[method-assign]
    return app


async def _livez() -> dict[str, str]:
    return {"status": "ok"}


def _with_predict(document: dict[str, Any], predictor: Predictor) -> dict[str, Any]:
    contract, task = predictor.scorer.contract, predictor.scorer.task
    detail = {"type": "object", "properties": {"detail": {}}, "required": ["detail"]}
    responses = {"200": {"description": "Predictions.", "content": _content(response_schema(contract, task))}}
    responses |= {code: {"description": text, "content": _content(detail)} for code, text in REFUSALS.items()}
    post = {
        "summary": f"Predict {task.target}",
        "operationId": "predict",
        "requestBody": {"required": True, "content": _content(request_schema(contract))},
        "responses": responses,
    }
    info = {"title": contract.name, "version": contract.version, "description": contract.purpose}
    return document | {"info": info, "paths": document["paths"] | {"/predict": {"post": post}}}


def _content(schema: Schema) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
