"""`socors account …`."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import typer

from ..config import database_url
from ..store.migrate import migrate
from ..store.postgres import PostgresStore
from .service import Accounts

account = typer.Typer(help="Operators and machines that use console and API.", no_args_is_help=True)


def _with(work: Callable[[Accounts], Awaitable[Any]]) -> Any:
    from ..app import utc_now

    async def run() -> Any:
        url = database_url()
        await asyncio.to_thread(migrate, url)
        store = PostgresStore(url, size=2)
        await store.open()
        try:
            return await work(Accounts(store, utc_now))
        finally:
            await store.close()

    return asyncio.run(run())


@account.command()
def add(
    name: str,
    role: Annotated[
        str, typer.Option(help="operator, specialist (sees silent alarms) or administrator")
    ] = "operator",
    town: Annotated[list[str] | None, typer.Option(help="INE code; repeat for each; none: all towns")] = None,
    machine: Annotated[bool, typer.Option(help="no password, tokens only")] = False,
) -> None:
    """Make an account; the password is asked for, never given on the command line."""
    password = None if machine else typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    _with(lambda accounts: accounts.create(name, role, town or [], password))
    typer.echo(f"Account {name} is made.")


@account.command()
def disable(name: str) -> None:
    """End an account whose password or token is known to others: nothing of it opens anything from now on."""
    _with(lambda accounts: accounts.disable(name))
    typer.echo(f"Account {name} is disabled.")


@account.command()
def token(name: str) -> None:
    """Print a token for a machine; it is shown once."""
    typer.echo(_with(lambda accounts: accounts.new_token(name)))
