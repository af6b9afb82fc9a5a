"""The door: `socors …`; each area brings its own commands."""

import asyncio
import logging
import subprocess
import sys

import typer

from .accounts.cli import account
from .config import database_url
from .demo.cli import demo
from .dispatch.cli import outbox
from .errors import SocorsError
from .flasher.cli import flash
from .hub.cli import hub
from .hub.places import hubs
from .ingest.cli import aliases
from .keys.cli import device, keys, provision, revoke
from .services.cli import broker

app = typer.Typer(
    help="Socors: from a wearer's press to the right police desk, and back to the wrist.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command()(hub)
app.command()(provision)
app.command()(revoke)
app.command()(flash)
app.command()(demo)
app.add_typer(device, name="device")
app.add_typer(keys, name="keys")
app.add_typer(account, name="account")
app.add_typer(broker, name="broker")
app.add_typer(outbox, name="outbox")
app.add_typer(hubs, name="hubs")
app.add_typer(aliases, name="aliases")


@app.command()
def gateway() -> None:
    """Run a gateway with console and API. Settings: SOCORS_DATABASE_URL, SOCORS_SECRET_KEY_FILE, SOCORS_MQTT_…"""
    from .api.serve import serve
    from .config import load

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    settings = load()
    try:
        asyncio.run(serve(settings))
    except KeyboardInterrupt:
        typer.echo("Stopped.")


@app.command()
def migrate() -> None:
    """Bring the database in SOCORS_DATABASE_URL up to date; the gateway does so itself when it starts."""
    from .store.migrate import migrate as bring_up_to_date

    ran = bring_up_to_date(database_url())
    typer.echo(f"Ran {', '.join(ran)}." if ran else "The database is up to date.")


@app.command(
    add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
)
def sim(context: typer.Context) -> None:
    """Run the simulator; everything after `sim` is passed on (try `socors sim --help`)."""
    raise typer.Exit(
        subprocess.run([sys.executable, "-m", "simulator.run", *context.args], check=False).returncode
    )


@app.command(
    add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
)
def replay(context: typer.Context) -> None:
    """A recording on standard input through the firmware's fall detector (try `socors replay --help`)."""
    raise typer.Exit(
        subprocess.run(
            [sys.executable, "-m", "simulator.falls.replay", *context.args], check=False
        ).returncode
    )


def main() -> None:
    """Run a command; what a person can mend is told in one sentence."""
    try:
        app()
    except SocorsError as error:
        typer.echo(str(error), err=True)
        sys.exit(2)
