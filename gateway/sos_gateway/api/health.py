"""Health, readiness and metrics, for whoever watches the watchers."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from .. import health as own

router = APIRouter()


@router.get("/health")
async def health() -> dict[str, str]:
    """The process lives."""
    return {"status": "ok"}


@router.get("/ready")
async def ready(request: Request, response: Response) -> dict[str, object]:
    """Whether alarms can be taken, and what is amiss: database, broker, devices, silent hubs, messages that do not leave."""
    state = request.app.state
    found = await own.readiness(
        state.store,
        state.clock,
        broker_connected=state.broker.connected.is_set() if state.broker is not None else None,
        destinations=[destination.name for destination in state.settings.destinations],
    )
    if state.fleet is not None and (problem := state.fleet.problem()):
        found.stop(problem)
    response.status_code = 200 if found.usable else 503
    return {"ready": found.usable, "problems": found.problems}


@router.get("/metrics")
async def metrics(request: Request) -> PlainTextResponse:
    """Counters and gauges in the Prometheus text format."""
    state = request.app.state
    refused = state.ingest.refused if state.ingest is not None else {}
    text = await own.metrics(state.store, state.clock, refused)
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4")
