"""`socors demo`."""

import asyncio
import signal
from typing import Annotated

import typer


def demo(
    once: Annotated[bool, typer.Option("--once", help="play the story, measure, print figures, end")] = False,
    pendants: Annotated[int, typer.Option(help="how many pendants press", min=2)] = 14,
    presses: Annotated[int, typer.Option(help="how many presses are measured", min=1)] = 300,
) -> None:
    """Everything on this machine, live: a fall in a kitchen, an SOS, and the answer on the wrist."""
    try:
        raise typer.Exit(asyncio.run(_play(once, pendants, presses)))
    except (KeyboardInterrupt, asyncio.CancelledError):
        typer.echo("The demo was stopped.", err=True)
        raise typer.Exit(130) from None


async def _play(once: bool, pendants: int, presses: int) -> int:
    """Play it; SIGTERM ends it as Ctrl-C does, so that nothing it has started outlives it."""
    from .play import play

    whole = asyncio.current_task()
    assert whole
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, whole.cancel)
    return await play(once=once, pendants=pendants, presses=presses)
