"""The visitor's page in a real browser: real firmware behind it, a press there is a press at the pin."""

import json
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]
VISITOR = ROOT / "simulator" / "visitor"
PICTURE = ROOT / "docs" / "pendant.png"
WATCH_PICTURE = ROOT / "docs" / "watch.png"
# Longer than the 20 s after which a pendant without a hub says *unreachable*, on a busy machine.
PATIENCE_MS = 90_000


def hold_until(page, name: str) -> None:
    """Keep the finger down until the page shows a signal, as somebody does who was told to hold until it buzzes."""
    page.hover("#press")
    page.mouse.down()
    page.wait_for_selector(f'#meaning[data-name="{name}"]', timeout=PATIENCE_MS)
    page.mouse.up()


def lit(page, colour: str) -> None:
    page.wait_for_selector(f'#pendant[data-colour="{colour}"]', timeout=PATIENCE_MS)


def test_a_real_hold_is_shown_as_pending_and_without_a_hub_as_unreachable(simulator, open_page):
    simulator.add(1001)
    page = open_page()
    hold_until(page, "pending")
    page.wait_for_selector("#meaning >> text=written it to its flash")
    page.wait_for_selector('#meaning[data-name="unreachable"]', timeout=PATIENCE_MS)
    lit(page, "000")
    assert page.locator('#log li[data-name="unreachable"] svg rect:not(.band)').count() == 5


def test_the_light_of_the_picture_is_the_light_of_the_pins(simulator, open_page):
    simulator.add(1001)
    page = open_page()
    page.hover("#press")
    page.mouse.down()
    lit(page, "110")
    page.mouse.up()
    page.wait_for_selector("#strip rect.light.c110", state="attached")
    page.wait_for_selector("#strip rect.motor", state="attached")
    page.wait_for_selector("text=light: yellow")
    lit(page, "000")


def test_the_finger_goes_down_and_up_when_the_mouse_does(simulator, open_page):
    simulator.add(1001)
    page = open_page()
    page.hover("#press")
    page.mouse.down()
    page.wait_for_selector('#pendant[data-button="down"]')
    assert simulator.ask("/devices/1001")["pins"]["button"] == 0
    page.mouse.up()
    page.wait_for_selector('#pendant[data-button="up"]')
    assert simulator.ask("/devices/1001")["pins"]["button"] == 1


@pytest.mark.parametrize("key", ["Space", "Enter"])
def test_the_button_can_be_held_with_the_keyboard(simulator, open_page, key):
    simulator.add(1001)
    page = open_page()
    page.focus("#press")
    page.keyboard.down(key)
    page.wait_for_selector('#meaning[data-name="pending"]', timeout=PATIENCE_MS)
    page.keyboard.up(key)
    page.wait_for_selector('#pendant[data-button="up"]')


def test_a_finger_that_slides_off_or_a_page_that_loses_the_focus_lets_go(simulator, open_page):
    simulator.add(1001)
    page = open_page()
    page.focus("#press")
    page.keyboard.down("Space")
    page.wait_for_selector('#pendant[data-button="down"]')
    page.focus("#usb")
    page.wait_for_selector('#pendant[data-button="up"]')


def test_a_fall_is_felt_as_a_countdown_and_two_clicks_are_a_cancel(simulator, open_page):
    simulator.add(1001)
    page = open_page()
    page.click('[data-motion="fall"]')
    page.wait_for_selector('#meaning[data-name="countdown"]', timeout=PATIENCE_MS)
    page.click('[data-clicks="2"]')
    page.wait_for_selector('#meaning[data-name="pending"]', timeout=PATIENCE_MS)
    assert "gesture cancel" in (simulator.folder / "devices" / "1001" / "log.txt").read_text()


def test_usb_is_plugged_and_a_destroyed_pendant_stays_destroyed(simulator, open_page):
    simulator.add(1001)
    page = open_page()
    page.click("#usb")
    page.wait_for_selector('#pendant[data-usb="on"]')
    page.on("dialog", lambda dialog: dialog.accept())
    page.click("#destroy")
    page.wait_for_selector('#pendant[data-power="destroyed"]')
    page.wait_for_selector("#press:disabled")
    assert simulator.ask("/devices/1001")["destroyed"]


def test_of_several_pendants_each_has_its_own_picture(simulator, open_page):
    simulator.add(1001)
    page = open_page()
    simulator.add(1002)
    page.wait_for_selector("#device-1002", state="attached")
    page.focus("#device-1001")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("#stage-title >> text=Pendant 1002")
    hold_until(page, "pending")
    page.keyboard.press("Tab")
    page.check("#device-1001")
    page.wait_for_selector("#meaning >> text=Nothing yet")


def test_what_happened_while_the_connection_was_cut_is_told_on_return(simulator, cable, open_page):
    simulator.add(1001)
    page = open_page(url=cable.url)
    cable.cut()
    page.wait_for_selector("#lost:not([hidden])", timeout=PATIENCE_MS)
    simulator.ask("/devices/1001/button", {"down": True})
    simulator.ask("/devices/1001/button", {"down": False})
    cable.mend()
    page.wait_for_selector("#live:not(.off):not(:empty)", timeout=PATIENCE_MS)
    page.wait_for_selector("#log >> text=Button down")
    page.wait_for_selector("#log >> text=Button up")


@pytest.mark.parametrize(("language", "word"), [("ca", "Aparells"), ("es", "Aparatos"), ("en", "Devices")])
def test_the_page_speaks(simulator, open_page, language, word):
    simulator.add(1001)
    page = open_page(language=language)
    page.wait_for_selector(f"legend >> text={word}")
    assert page.evaluate("document.documentElement.lang") == language
    empty = "[...document.querySelectorAll('[data-word]')].filter((n) => !n.textContent.trim()).length"
    assert page.evaluate(empty) == 0


@pytest.mark.parametrize("width", [390, 720, 1440])
def test_nothing_has_to_be_scrolled_sideways(simulator, open_page, width):
    for number in (1001, 1002):
        simulator.add(number)
    simulator.add_watch(2001)
    page = open_page(width=width)
    page.wait_for_selector("#device-2001", state="attached")
    page.check("#device-2001")
    page.wait_for_selector("#around")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


# Watches.


def watch_page(simulator, open_page, **options):
    simulator.ask("/modems", {"scale": 0})
    simulator.add_watch(2001)
    page = open_page(**options)
    page.wait_for_selector("#stage-title >> text=Watch 2001")
    return page


def test_a_watch_shows_its_modem_and_where_its_wearer_is_and_a_pendant_neither(simulator, open_page):
    simulator.add(1001)
    simulator.ask("/modems", {"scale": 0})
    simulator.add_watch(2001)
    page = open_page()
    page.wait_for_selector("#device-2001", state="attached")
    page.check("#device-2001")
    page.wait_for_selector("#stage-title >> text=Watch 2001")
    page.wait_for_selector('#radio:has-text("modem: ")')
    page.wait_for_selector("#whereabouts >> text=at home")
    page.check("#device-1001")
    page.wait_for_selector("#stage-title >> text=Pendant 1001")
    assert page.is_hidden("#around")
    assert page.is_hidden("#radio")


def test_the_beach_a_roof_and_what_the_modem_suffers_are_the_worlds(simulator, open_page):
    page = watch_page(simulator, open_page)
    page.click('[data-place="beach"]')
    page.wait_for_selector("#whereabouts >> text=on the beach")
    page.click('[data-switch="indoors"]')
    page.wait_for_selector("#whereabouts >> text=under a roof")
    for name in ("no_network", "no_sim", "dark"):
        page.click(f'[data-switch="{name}"]')
        page.wait_for_selector(f'[data-switch="{name}"][aria-pressed="true"]')
    page.wait_for_selector("#radio >> text=hangs")
    seen = simulator.ask("/devices/2001")["outdoors"]
    assert (seen["place"], seen["hubs"], seen["indoors"]) == ("beach", False, True)
    assert seen["no_network"] and seen["no_sim"] and seen["dark"]
    page.click('[data-switch="dark"]')
    page.wait_for_selector('[data-switch="dark"][aria-pressed="false"]')
    assert not simulator.ask("/devices/2001")["outdoors"]["dark"]


def test_an_alarm_without_data_is_seen_to_go_out_as_a_text_message(simulator, open_page):
    page = watch_page(simulator, open_page)
    page.click('[data-place="beach"]')
    hold_until(page, "pending")
    page.wait_for_selector('#texts li[data-own="true"] code', timeout=PATIENCE_MS)
    assert page.inner_text("#texts code").startswith("S1")
    page.wait_for_selector('#log li[data-name="text"]')


def test_the_picture_in_the_documents_is_of_the_real_page(simulator, open_page, take_picture):
    for number in (1001, 1002, 1003):
        simulator.add(number)
    page = open_page()
    page.wait_for_selector("#device-1003", state="attached")
    page.hover("#press")
    page.mouse.down()
    page.wait_for_selector('#meaning[data-name="pending"]', timeout=PATIENCE_MS)
    take_picture(page, PICTURE)
    page.mouse.up()


def test_the_picture_of_a_watch_in_the_documents_is_of_the_real_page(simulator, open_page, take_picture):
    page = watch_page(simulator, open_page)
    page.click('[data-place="beach"]')
    hold_until(page, "pending")
    page.wait_for_selector('#texts li[data-own="true"]', timeout=PATIENCE_MS)
    take_picture(page, WATCH_PICTURE)


def test_the_pages_table_of_signals_is_the_firmwares():
    from app import alarm
    from tasks import signals

    shown = json.loads((VISITOR / "patterns.json").read_text())
    names = {getattr(alarm, name.upper()): name for name in shown}
    told = {
        names[signal]: {"pulses": pulses, "on_ms": on_ms, "off_ms": off_ms, "colour": list(colour)}
        for signal, (pulses, on_ms, off_ms, colour) in signals.PATTERNS.items()
    }
    assert shown == told


def test_the_page_takes_nothing_from_elsewhere():
    for file in VISITOR.iterdir():
        for address in re.findall(r"https?://[^\s\"')]+", file.read_text()):
            assert address.startswith("http://www.w3.org/"), f"{file.name}: {address}"
