"""One house for all system tests: three hubs at a real mosquitto, PostgreSQL, a gateway, pendants with real firmware."""

import asyncio
import sys
from pathlib import Path

import pytest
from sos_gateway.demo.house import open_house

sys.path.insert(0, str(Path(__file__).parent))

from scene import Scene, opened

PENDANTS, WATCHES, HUBS = 18, 2, 3
LAST_LINES = 60


@pytest.fixture(scope="session")
def runner():
    """One event loop for the house and everything that is played in it."""
    with asyncio.Runner() as made:
        yield made


@pytest.fixture(scope="session")
def scene(mosquitto_needed, runner):
    entered = open_house(PENDANTS, HUBS, print, watches=WATCHES, mosquitto=True)
    house = runner.run(_enter(entered))
    watched = opened(house)
    yield runner.run(_enter(watched))
    runner.run(_leave(watched))
    runner.run(_leave(entered))


async def _enter(context):
    return await context.__aenter__()


async def _leave(context):
    await context.__aexit__(None, None, None)


@pytest.fixture
def play(scene: Scene, runner):
    """play(story) runs a story in the house; afterwards every promise is checked, whatever was broken."""

    def played(story):
        async def whole():
            await story(scene)
            await scene.all_is_well_again()
            await scene.check_promises()

        runner.run(whole())

    return played


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """On failure show the last words of every part."""
    report = yield
    scene = item.funcargs.get("scene") if hasattr(item, "funcargs") else None
    if report.failed and scene is not None:
        for log in scene.logs():
            lines = log.read_text(errors="replace").splitlines()[-LAST_LINES:]
            report.sections.append((str(log.relative_to(scene.house.folder)), "\n".join(lines)))
    return report
