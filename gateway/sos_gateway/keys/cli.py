"""`socors provision`, `socors revoke`, `socors device list`, `socors keys new`."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from ..app import put_towns, utc_now
from ..config import load
from ..services.cli import DEFAULT_FOLDER
from ..store.migrate import migrate
from ..store.postgres import PostgresStore
from .network import Lte
from .registry import NewWearer, Registry, write_secret_file
from .wrapping import Wrapper, new_key_file, read_key_file

keys = typer.Typer(help="The key device secrets are wrapped under.", no_args_is_help=True)
device = typer.Typer(help="Devices that are registered.", no_args_is_help=True)


@keys.command("new")
def new(file: Path) -> None:
    """Make a key file. Keep it apart from the database's backups: with both, every secret is open."""
    new_key_file(file)
    typer.echo(f"Made {file}. Set SOCORS_SECRET_KEY_FILE to it, and keep a copy in a safe place.")


def with_registry(work: Callable[[Registry, PostgresStore], Awaitable[Any]]) -> Any:
    """Run a piece of work against the configured database."""

    async def run() -> Any:
        settings = load()
        await asyncio.to_thread(migrate, settings.database_url)
        store = PostgresStore(settings.database_url, size=2)
        await store.open()
        try:
            await put_towns(store)
            registry = Registry(store, Wrapper(read_key_file(settings.secret_key_file)), utc_now)
            return await work(registry, store)
        finally:
            await store.close()

    return asyncio.run(run())


def provision(
    number: Annotated[int, typer.Argument(help="the number on the device's label")],
    out: Annotated[Path, typer.Option(help="file for the flasher: the device's secret, mode 600")],
    wearer: Annotated[str, typer.Option(help="the wearer's name")] = "",
    town: Annotated[str, typer.Option(help="INE code of the home town, e.g. 08073")] = "",
    language: Annotated[str, typer.Option(help="ca, es or en")] = "ca",
    silent: Annotated[bool, typer.Option(help="the hold raises a silent alarm")] = False,
    again: Annotated[bool, typer.Option(help="give a registered device a new secret")] = False,
    force: Annotated[bool, typer.Option(help="with --again: although answers are outstanding")] = False,
    lte: Annotated[bool, typer.Option("--lte", help="a watch: it goes out by LTE, too")] = False,
    apn: Annotated[str, typer.Option(help="with --lte: the SIM's access point")] = "",
    apn_user: Annotated[str, typer.Option(help="its user, if it has one")] = "",
    apn_password: Annotated[str, typer.Option(help="its password, if it has one")] = "",
    sim_pin: Annotated[str, typer.Option(help="the SIM's PIN, if it asks for one")] = "",
    sms_to: Annotated[str, typer.Option(help="number of the hub's SIM, e.g. +34…; empty: no SMS")] = "",
    assist_url: Annotated[
        str, typer.Option(help="where the watch fetches XTRA, which shortens cold starts; empty: nowhere")
    ] = "",
    broker_host: Annotated[str, typer.Option(help="with --lte: the broker, as seen from the internet")] = "",
    broker_port: Annotated[int, typer.Option(help="the broker's port", min=1, max=65535)] = 8883,
    broker_ca: Annotated[
        Path | None, typer.Option(help="CA of its certificate; of --broker-folder if left out")
    ] = None,
    broker_folder: Annotated[
        Path, typer.Option(help="where mosquitto's files are: the device's credential is made there")
    ] = DEFAULT_FOLDER,
    broker_password_file: Annotated[
        Path | None, typer.Option(help="file with the password of device-NUMBER, where they are elsewhere")
    ] = None,
) -> None:
    """Register a device for a wearer and write its secret for the flasher. The secret is never printed."""
    network = None
    if lte:
        network = Lte(
            apn,
            broker_host,
            broker_port,
            apn_user,
            apn_password,
            sim_pin,
            sms_to,
            assist_url,
            broker_ca,
            broker_password_file,
            broker_folder,
        ).prepare(number)

    async def work(registry: Registry, _: PostgresStore) -> tuple[bytes, dict[str, int]]:
        if again:
            secret = await registry.provision_again(number, force)
        elif not wearer or not town:
            raise typer.BadParameter("give --wearer and --town, or --again for a device that is registered.")
        else:
            known = NewWearer(name=wearer, town=town, language=language, profile={"silent": silent})
            secret = await registry.provision(number, known, "watch" if lte else "pendant")
        return secret, await registry.device_settings(number)

    secret, device_settings = with_registry(work)
    write_secret_file(out, number, secret, device_settings, network() if network else None)
    typer.echo(f"Device {number} is registered. Flash {out} into it, then delete the file.")


def revoke(number: Annotated[int, typer.Argument(help="the device's number")]) -> None:
    """End a device that is lost, stolen or dumped: nothing sealed with its secret is opened from now on."""

    async def work(registry: Registry, _: PostgresStore) -> None:
        await registry.revoke(number)

    with_registry(work)
    typer.echo(f"Device {number} is revoked.")


@device.command("list")
def list_devices() -> None:
    """List the devices in use: number, last heard."""

    async def work(_: Registry, store: PostgresStore) -> list[dict[str, Any]]:
        async with store.transaction() as tx:
            return await tx.all("devices")

    for row in with_registry(work):
        heard = row["last_heard_at"]
        typer.echo(
            f"{row['number']:>10}  {heard:%Y-%m-%d %H:%M:%S} UTC"
            if heard
            else f"{row['number']:>10}  never heard"
        )
