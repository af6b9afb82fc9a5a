"""A police endpoint on this machine: takes signed CloudEvents and remembers which it has seen."""

import asyncio
import contextlib
import json
import socket
from collections import Counter
from collections.abc import AsyncIterator

import uvicorn
from fastapi import FastAPI, Request

from ..services.ports import any_free


class Endpoint:
    """What the police have been told, by identifier."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.alerted: set[int] = set()  # incidents it was told of
        self.url = ""

    async def take(self, request: Request) -> dict[str, bool]:
        event = json.loads(await request.body())
        self.seen[event["id"]] += 1
        if event["type"].endswith(".alert"):
            self.alerted.add(int(event["subject"]))
        return {"ok": True}


@contextlib.asynccontextmanager
async def open_endpoint() -> AsyncIterator[Endpoint]:
    """Serve the endpoint on a free loopback port."""
    endpoint = Endpoint()
    app = FastAPI(openapi_url=None)
    app.post("/alerts")(endpoint.take)
    listener = socket.socket()
    listener.bind(("127.0.0.1", any_free()))
    endpoint.url = f"http://127.0.0.1:{listener.getsockname()[1]}/alerts"
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="error", lifespan="off", timeout_graceful_shutdown=1)
    )
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield endpoint
    finally:
        server.should_exit = True
        await task
