"""Health, readiness and metrics, for whoever watches the watchers."""

from datetime import timedelta

import psycopg
from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from ..store import named_queries

SILENT_HUB = timedelta(seconds=60)
DISPATCH = named_queries.load("dispatch")

router = APIRouter()


@router.get("/health")
async def health() -> dict[str, str]:
    """The process lives."""
    return {"status": "ok"}


@router.get("/ready")
async def ready(request: Request, response: Response) -> dict[str, object]:
    """Whether alarms can be taken: database, broker, hubs that have gone silent."""
    state = request.app.state
    problems: list[str] = []
    try:
        async with state.store.transaction() as tx:
            hubs = await tx.hubs()
        quiet = [
            h.id for h in hubs.values() if not h.last_seen_at or state.clock() - h.last_seen_at > SILENT_HUB
        ]
        if quiet:
            problems.append("silent hubs: " + ", ".join(sorted(quiet)))
        usable = True
    except (psycopg.Error, TimeoutError) as error:
        problems.append(f"database: {str(error).splitlines()[0]}")
        usable = False
    if state.broker is not None and not state.broker.connected.is_set():
        problems.append("broker: not connected")
        usable = False
    response.status_code = 200 if usable else 503
    return {"ready": usable, "problems": problems}


@router.get("/metrics")
async def metrics(request: Request) -> PlainTextResponse:
    """Counters and gauges in the Prometheus text format."""
    state = request.app.state
    lines = ["# TYPE socors_frames_total counter"]
    async with state.store.transaction() as tx:
        for row in await tx.all("counters"):
            lines.append(f'socors_frames_total{{outcome="{row["name"]}"}} {row["value"]}')
        cursor = await tx.connection.execute(DISPATCH["outbox_state"])
        lines.append("# TYPE socors_outbox_rows gauge")
        for row in await cursor.fetchall():
            labels = f'destination="{row["destination"]}",state="{row["state"]}"'
            lines.append(f"socors_outbox_rows{{{labels}}} {row['n']}")
        cursor = await tx.connection.execute(
            "SELECT state, count(*) AS n FROM incident GROUP BY state ORDER BY state"
        )
        lines.append("# TYPE socors_incidents gauge")
        for row in await cursor.fetchall():
            lines.append(f'socors_incidents{{state="{row["state"]}"}} {row["n"]}')
        hubs = await tx.hubs()
    lines.append("# TYPE socors_hub_silent_seconds gauge")
    for hub in hubs.values():
        if hub.last_seen_at:
            lines.append(
                f'socors_hub_silent_seconds{{hub="{hub.id}"}} {(state.clock() - hub.last_seen_at).total_seconds():.1f}'
            )
    lines.append("# TYPE socors_messages_refused_total counter")
    refused = state.ingest.refused if state.ingest is not None else {}
    for why, count in refused.items():
        lines.append(f'socors_messages_refused_total{{why="{why}"}} {count}')
    return PlainTextResponse("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")
