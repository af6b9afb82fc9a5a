"""`socors demo`."""

import asyncio
import signal
from typing import Annotated

import typer


def demo(
    once: Annotated[bool, typer.Option("--once", help="play the story, measure, print figures, end")] = False,
    pendants: Annotated[int, typer.Option(help="how many pendants press", min=2)] = 14,
    presses: Annotated[int, typer.Option(help="how many of their presses are measured", min=1)] = 300,
    watches: Annotated[int, typer.Option(help="how many watches press", min=1)] = 4,
    lte_presses: Annotated[int, typer.Option(help="how many of their presses are measured", min=1)] = 60,
) -> None:
    """Everything on this machine, live: a fall in a kitchen, an SOS on a beach, and the answer on the wrist."""
    try:
        raise typer.Exit(asyncio.run(_play(once, pendants, presses, watches, lte_presses)))
    except (KeyboardInterrupt, asyncio.CancelledError):
        typer.echo("The demo was stopped.", err=True)
        raise typer.Exit(130) from None


async def _play(once: bool, *numbers: int) -> int:
    """Play it; SIGTERM ends it as Ctrl-C does, so that nothing it has started outlives it."""
    from .play import Size, play

    whole = asyncio.current_task()
    assert whole
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, whole.cancel)
    return await play(once, Size(*numbers))
