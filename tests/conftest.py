"""What the whole suite shares: the firmware's decisions on the path as on the device, and a real browser."""

import os
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "firmware" / "src"))

# Nothing leaves this machine, and no window is needed.
CHROMIUM_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=user-gesture-required",
)


def missing(program, package):
    """Skip what needs a program that is not here, unless this machine must have everything."""
    if os.environ.get("SOCORS_NOTHING_MAY_SKIP"):
        pytest.fail(f"{program} is not installed, and here nothing may skip")
    # A newcomer's machine need not have it: `make test` runs everything else, and says what it left out.
    pytest.skip(f"{program} is not installed (Debian: apt install {package})")


@pytest.fixture(scope="session")
def mosquitto_needed():
    from sos_gateway.services import mosquitto

    if mosquitto.find() is None:
        missing("mosquitto", "mosquitto")


@pytest.fixture(scope="module")
def chromium():
    """Debian's Chromium, driven by playwright.

    For one module at a time: while playwright is open its event loop counts as running in this thread, and every
    `asyncio.run` of another module's tests would be refused.
    """
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        missing("Chromium", "chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=path, headless=True, args=list(CHROMIUM_OPTIONS))
        yield browser
        browser.close()


@pytest.fixture
def take_picture():
    """Take a picture for the documents of what a page shows; written where there is none or SOCORS_PICTURES is set."""

    def take(page, path: Path) -> None:
        picture = page.screenshot()
        assert 20_000 < len(picture) < 300_000, f"{path.name} would have {len(picture)} bytes"
        if os.environ.get("SOCORS_PICTURES") or not path.exists():
            path.write_bytes(picture)

    return take
