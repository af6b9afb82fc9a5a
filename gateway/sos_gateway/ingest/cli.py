"""`socors aliases`: the table of a large fleet by hand, and what a frame costs."""

import os
import time
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

aliases = typer.Typer(
    help="The alias table that resolves frames of large fleets; a gateway builds it by itself.",
    no_args_is_help=True,
)
Processes = Annotated[int, typer.Option(help="processes that hash side by side", min=1)]
CORES = os.cpu_count() or 1


@aliases.command()
def build(processes: Processes = CORES) -> None:
    """Build the table once, now. Settings: SOCORS_DATABASE_URL, SOCORS_SECRET_KEY_FILE, SOCORS_ALIAS_FOLDER."""
    from .alias_builder import build_once
    from .builder_process import only_one, opened_builder

    url, builder, folder = opened_builder(processes)
    began = time.monotonic()
    with only_one(folder, wait=False), _bar() as bar:
        task = bar.add_task("reading devices", total=None)

        def show(done: int, total: int) -> None:
            bar.update(task, description="hashing aliases", completed=done, total=total)

        build_once(url, builder, progress=show)
    typer.echo(
        f"Table for {len(builder.rows)} devices in {folder}, built in {time.monotonic() - began:.1f} s."
    )
    if builder.unopened:
        typer.echo(f"{builder.unopened} devices' secrets do not open with this key file.", err=True)


@aliases.command()
def bench(
    sizes: Annotated[str, typer.Option(help="numbers of devices")] = "1000,1000000",
    frames: Annotated[int, typer.Option(help="frames of each fleet", min=20)] = 100_000,
    processes: Processes = CORES,
) -> None:
    """Build tables of random devices and measure what a frame costs to look up and unseal."""
    from .alias_bench import run

    run([int(size) for size in sizes.split(",")], frames, processes, typer.echo)


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f}"),
        TimeElapsedColumn(),
    )
