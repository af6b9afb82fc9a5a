"""`socors hub`: one hub, with its settings from the environment."""

import asyncio
import logging

import typer

from .config import load
from .relay import Hub


def hub() -> None:
    """Run a hub: hear pendants and texts, keep what was heard, answer. Set by: SOCORS_HUB_NAME, SOCORS_HUB_SPOOL_FILE, …"""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    settings = load()
    where = " and ".join(filter(None, (settings.adapter, settings.sms_port)))
    typer.echo(f"Hub {settings.name} listens on {where}, broker {settings.mqtt_host}:{settings.mqtt_port}.")

    async def run() -> None:
        await Hub(settings).run()

    try:
        asyncio.run(run())
    except KeyboardInterrupt:
        typer.echo("Stopped; the spool keeps what is not receipted.")
