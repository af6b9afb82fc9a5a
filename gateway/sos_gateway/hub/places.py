"""`socors hubs`: where each hub stands, for the position of what it hears; when each was last heard."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import typer

from ..app import put_towns
from ..config import database_url
from ..domain.jurisdiction import metropolitan
from ..errors import Conflict
from ..store.migrate import migrate
from ..store.postgres import PostgresStore

hubs = typer.Typer(help="Hubs: where they stand, when they were last heard.", no_args_is_help=True)


def _with_store(work: Callable[[PostgresStore], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        await asyncio.to_thread(migrate, database_url())
        store = PostgresStore(database_url(), size=2)
        await store.open()
        try:
            await put_towns(store)
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(run())


@hubs.command()
def place(
    name: Annotated[str, typer.Argument(help="the hub's name, as in SOCORS_HUB_NAME")],
    lat: Annotated[float, typer.Option(help="latitude in degrees, WGS 84")],
    lon: Annotated[float, typer.Option(help="longitude in degrees, WGS 84")],
    where: Annotated[str, typer.Option(help="what an officer must know, e.g. 'Carrer Major 3, 2n 1a'")],
) -> None:
    """Say where a hub stands: what it hears is there, within some tens of metres."""
    if not (-90 <= lat <= 90 and -180 <= lon <= 180) or (lat == 0 and lon == 0):
        raise Conflict(
            f"{lat}, {lon} is no place a hub can stand: give degrees, e.g. --lat 41.3544 --lon 2.0710."
        )
    lat_e7, lon_e7 = round(lat * 1e7), round(lon * 1e7)
    town = metropolitan().town_of(lat_e7, lon_e7)

    async def work(store: PostgresStore) -> None:
        async with store.transaction() as tx:
            await tx.run("put_hub", id=name, town=town, lat_e7=lat_e7, lon_e7=lon_e7, place=where)

    _with_store(work)
    typer.echo(f"Hub {name} stands in {metropolitan().names[town]}: {where}.")


@hubs.command("list")
def list_hubs() -> None:
    """List the hubs: name, town, place, last heard."""

    async def work(store: PostgresStore) -> list[Any]:
        async with store.transaction() as tx:
            return list((await tx.hubs()).values())

    for hub in _with_store(work):
        town = metropolitan().names.get(hub.town or "", "town unknown")
        heard = f"{hub.last_seen_at:%Y-%m-%d %H:%M:%S} UTC" if hub.last_seen_at else "never heard"
        typer.echo(f"{hub.id:20}  {town:24}  {hub.place or 'place unknown':30}  {heard}")
