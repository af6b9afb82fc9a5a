"""`socors flash`."""

from pathlib import Path
from typing import Annotated

import typer


def flash(
    port: Annotated[
        str, typer.Option(help="serial port, e.g. /dev/ttyACM0; the only board's if left out")
    ] = "",
    board: Annotated[str, typer.Option(help="which board file it gets")] = "pendant",
    secret: Annotated[Path | None, typer.Option(help="secrets file of `socors provision --out`")] = None,
    settings: Annotated[
        Path | None,
        typer.Option(help="JSON file of settings (firmware/src/settings.py), e.g. worn_at: trunk or wrist"),
    ] = None,
    force: Annotated[
        bool, typer.Option(help="a new identity although unsent alarms are in the journal")
    ] = False,
) -> None:
    """Put the firmware on a board that runs MicroPython, and give it its identity."""
    from .flash import Identity, note_used, read_settings
    from .flash import flash as put
    from .line import find_port

    identity = Identity.read(secret) if secret else None
    written = read_settings(settings) if settings else None
    sha256 = put(port or find_port(), board, identity, written, force, typer.echo)
    if secret:
        note_used(secret)
    typer.echo(f"firmware SHA-256 {sha256}")
    if identity is None:
        typer.echo("No identity was given: without one the device only shows a fault; add --secret.")
