"""`socors hub`: one hub, with its settings from the environment."""

import asyncio
import logging

import typer

from .config import load
from .relay import Hub


def hub() -> None:
    """Run a hub: hear pendants, keep what was heard, carry answers. Settings: SOCORS_HUB_NAME, SOCORS_HUB_SPOOL_FILE, …"""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    settings = load()
    typer.echo(
        f"Hub {settings.name} listens on {settings.adapter}, broker {settings.mqtt_host}:{settings.mqtt_port}."
    )

    async def run() -> None:
        await Hub(settings).run()

    try:
        asyncio.run(run())
    except KeyboardInterrupt:
        typer.echo("Stopped; the spool keeps what is not receipted.")
