"""`socors outbox`: what waits for a destination, what was given up, and sending it again."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import typer

from ..config import database_url
from ..errors import NotFound
from ..store.postgres import PostgresStore
from .outbox import dead_letters, replay, waiting

outbox = typer.Typer(help="Messages to destinations: what waits, what was given up.", no_args_is_help=True)


async def _with_store(work: Any) -> Any:
    store = PostgresStore(database_url(), size=2)
    await store.open()
    try:
        return await work(store)
    finally:
        await store.close()


@outbox.command()
def state() -> None:
    """Show how many messages wait for each destination, and since when."""

    for row in asyncio.run(_with_store(lambda store: waiting(store, datetime.now(UTC)))):
        typer.echo(
            f"{row['destination']}: {row['n']} {row['state']}, the oldest of {row['oldest']:%Y-%m-%d %H:%M:%S%z}"
        )


@outbox.command()
def dead() -> None:
    """Show the messages that were given up, and why."""
    for row in asyncio.run(_with_store(dead_letters)):
        typer.echo(f"{row['id']}  {row['identifier']}  after {row['attempts']} attempts: {row['last_error']}")


@outbox.command("replay")
def replay_one(row: int) -> None:
    """Send a message again that was given up (its number is in `socors outbox dead`)."""
    if not asyncio.run(_with_store(lambda store: replay(store, row, datetime.now(UTC)))):
        raise NotFound(f"There is no dead message {row}: `socors outbox dead` shows those there are.")
    typer.echo(f"Message {row} waits again.")
