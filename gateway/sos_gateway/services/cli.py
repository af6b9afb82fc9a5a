"""`socors broker`: the files a mosquitto in earnest needs, and who may log in to it."""

from pathlib import Path
from typing import Annotated

import typer

from .broker_files import BrokerFiles

broker = typer.Typer(
    help="The MQTT broker in earnest: mosquitto's certificates, users and rights.", no_args_is_help=True
)

Folder = Annotated[Path, typer.Option("--folder", help="where mosquitto's files are")]
DEFAULT_FOLDER = Path("/etc/mosquitto/socors")


@broker.command()
def init(
    folder: Folder = DEFAULT_FOLDER,
    host: Annotated[
        list[str] | None, typer.Option(help="a name or address the broker is reached under; repeat for each")
    ] = None,
    port: Annotated[int, typer.Option(help="the port it listens on", min=1, max=65535)] = 8883,
    user: Annotated[str, typer.Option(help="the system user mosquitto runs as")] = "mosquitto",
) -> None:
    """Write certificates, configuration and the gateway's user. Run again, it renews the server's certificate."""
    files = BrokerFiles(folder)
    files.create(hosts=host or ["localhost", "127.0.0.1"], port=port, user=user)
    if "gateway" not in files.users():
        _tell(files.add("gateway"))
    typer.echo(f"Start it with: mosquitto -c {files.configuration}")
    typer.echo(f"Gateway and hubs verify it with {files.ca_file}; the key ca.key never leaves this machine.")


@broker.command()
def add(
    names: Annotated[list[str], typer.Argument(help="hub-NAME or device-NUMBER")],
    folder: Folder = DEFAULT_FOLDER,
) -> None:
    """Give users a new password and their rights; a mosquitto that runs learns of them at once."""
    _tell(BrokerFiles(folder).add(*names))


@broker.command()
def remove(
    names: Annotated[list[str], typer.Argument(help="users to end")], folder: Folder = DEFAULT_FOLDER
) -> None:
    """End users: a mosquitto that runs throws them out at once."""
    BrokerFiles(folder).remove(names)
    typer.echo("Removed.")


@broker.command("list")
def list_users(folder: Folder = DEFAULT_FOLDER) -> None:
    """Show who may log in."""
    for name in BrokerFiles(folder).users():
        typer.echo(name)


def _tell(passwords: dict[str, str]) -> None:
    for name, password in passwords.items():
        typer.echo(f"{name}: {password}   (shown once)")
