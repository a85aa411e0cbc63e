"""The FastAPI part: probes, `/version`, and the OpenAPI document derived from the contract."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI
from fastapi.responses import JSONResponse

from mlops.serving.body import MAX_BYTES
from mlops.serving.feedback import Feedback
from mlops.serving.feedback_schema import outcomes_schema, results_schema
from mlops.serving.metrics import Telemetry
from mlops.serving.predictor import Predictor
from mlops.serving.schema import Schema, request_schema, response_schema
from mlops.serving.tracing import Tracing

WAIT = {"Retry-After": "1"}
REFUSALS = {
    "400": "The body is no JSON.",
    "413": f"The body is longer than {MAX_BYTES} bytes.",
    "422": "The rows or outcomes are refused.",
    "503": "Busy or not ready; Retry-After says when to come back. For `/feedback` also: no key is set.",
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
    feedback: Feedback | None = None


def documented(state: State) -> FastAPI:
    """Make the FastAPI application for everything but `/predict` and `/feedback`, which its documents name."""
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
        return document if state.predictor is None else _with_posts(document, state.predictor)

    app.openapi = openapi  # type: ignore[method-assign]
    return app


async def _livez() -> dict[str, str]:
    return {"status": "ok"}


def _with_posts(document: dict[str, Any], predictor: Predictor) -> dict[str, Any]:
    contract, task = predictor.scorer.contract, predictor.scorer.task
    predict = {
        "summary": f"Predict {task.target}",
        "operationId": "predict",
        "requestBody": {"required": True, "content": _content(request_schema(contract))},
        "responses": _responses("Predictions.", response_schema(contract, task), "A row breaks the contract."),
    }
    feedback = {
        "summary": f"Tell what {task.target} turned out to be",
        "operationId": "feedback",
        "requestBody": {"required": True, "content": _content(outcomes_schema(contract, task))},
        "responses": _responses("What became of each outcome.", results_schema(), "The body has another form."),
    }
    info = {"title": contract.name, "version": contract.version, "description": contract.purpose}
    posts = {"/predict": {"post": predict}, "/feedback": {"post": feedback}}
    return document | {"info": info, "paths": document["paths"] | posts}


def _responses(found: str, schema: Schema, refused: str) -> dict[str, Any]:
    detail = {"type": "object", "properties": {"detail": {}}, "required": ["detail"]}
    refusals = {code: {"description": text, "content": _content(detail)} for code, text in REFUSALS.items()}
    refusals["422"]["description"] = refused
    return {"200": {"description": found, "content": _content(schema)}} | refusals


def _content(schema: Schema) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
