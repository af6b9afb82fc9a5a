"""One gateway process with its console: find a port, start every part, say where it is."""

import asyncio
import logging
import socket

import typer
import uvicorn

from ..accounts.service import Accounts
from ..app import Gateway
from ..config import Settings
from .create import create_api

PORTS_TRIED = 20

log = logging.getLogger("socors")


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket on the port, or on the next free one after it."""
    last: OSError | None = None
    for candidate in [port] if port == 0 else range(port, port + PORTS_TRIED):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, candidate))
            return listener
        except OSError as error:
            listener.close()
            last = error
    raise SystemExit(f"No port from {port} on is free on {host} ({last}): set SOCORS_HTTP_PORT to another.")


async def serve(settings: Settings) -> None:
    """Run the gateway until it is told to stop."""
    gateway = Gateway(settings)
    await gateway.start()
    password = await Accounts(gateway.store, gateway.clock).first_administrator()
    if password:
        typer.echo(f"First start: log in as admin with the password {password} (it is not shown again).")
    app = create_api(
        store=gateway.store,
        settings=settings,
        clock=gateway.clock,
        incidents=gateway.incidents,
        broker=gateway.broker,
        ingest=gateway.ingest,
        fleet=gateway.fleet,
    )
    listener = bind(settings.http_host, settings.http_port)
    port = listener.getsockname()[1]
    if settings.http_port and port != settings.http_port:
        typer.echo(f"Port {settings.http_port} is taken: the console is on port {port}.")
    typer.echo(f"Console: http://{settings.http_host}:{port}/")
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="warning", lifespan="off", timeout_graceful_shutdown=2)
    )
    stream = asyncio.create_task(app.state.stream.run(), name="stream")
    try:
        await gateway.run(_Bound(server, listener))
    finally:
        stream.cancel()
        await gateway.close()


class _Bound:
    """A uvicorn server on a socket that is already bound."""

    def __init__(self, server: uvicorn.Server, listener: socket.socket) -> None:
        self._server = server
        self._listener = listener

    async def serve(self) -> None:
        await self._server.serve(sockets=[self._listener])
