"""`socors demo`."""

import asyncio
from typing import Annotated

import typer


def demo(
    once: Annotated[bool, typer.Option("--once", help="play the story, measure, print figures, end")] = False,
    pendants: Annotated[int, typer.Option(help="how many pendants press", min=2)] = 14,
    presses: Annotated[int, typer.Option(help="how many presses are measured", min=1)] = 300,
) -> None:
    """Everything on this machine, live: a fall in a kitchen, an SOS, and the answer on the wrist."""
    from .play import play

    raise typer.Exit(asyncio.run(play(once=once, pendants=pendants, presses=presses)))
