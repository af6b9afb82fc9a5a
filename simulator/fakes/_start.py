"""What the boot loader does on a board: join the world, mount the flash, run main from its top."""

import gc
import sys

import _flash
import _port
import _tasks

_port.connect()
sys.modules["_asyncio"] = _tasks  # the built-in one queues by the host's clock, not by ours


COMPILED_BYTES = 32_000


def wear_flash(fails, slow_ms, cut_after):
    """The world's faults of the flash: it refuses, it dawdles, or power goes after so many more bytes (-1: never)."""
    _flash.wear.fails, _flash.wear.slow_ms, _flash.wear.wait = fails, slow_ms, _port.wait
    _flash.fuse.blow_at = _flash.fuse.count + cut_after if cut_after >= 0 else -1


def weigh_heap():
    gc.collect()
    _port.post("heap", gc.mem_alloc())


def watch():
    """Virtual clock: the world sees what is printed in its place among everything else, and may ask and break."""
    import log

    log.print = lambda text: _port.post("log", text)
    _port.on("flash", wear_flash)
    _port.on("heap", weigh_heap)
    wear_flash(*_port.hello["flash"])


def run():
    # A board's code and names are frozen into its flash. Here they are compiled into the heap, and what compiling leaves
    # behind is taken away at once: else it scatters what stays, and the table of names, a piece that grows by doubling,
    # finds no place.
    gc.threshold(COMPILED_BYTES)
    import esp32
    import flash

    flash.mount(esp32.Partition.find(esp32.Partition.TYPE_DATA, label="vfs")[0], "/socors")
    import main  # noqa: F401


if _port.virtual:
    watch()
run()
