"""The police desk as an officer meets it: in a real browser, on a real database."""

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sos_gateway.domain.models import Transition
from sos_wire import evidence

PICTURE = Path(__file__).parents[3] / "docs" / "console.png"


def test_an_incident_appears_without_reloading_and_is_accepted_with_one_key(desk, open_page):
    desk.operator("agent.puig")
    page = open_page("agent.puig")
    page.wait_for_selector("#none:not([hidden])")
    desk.incident(wearer="Rosa Vidal")
    page.wait_for_selector(".incident.open >> text=Rosa Vidal")
    page.wait_for_selector("#accept")
    page.keyboard.press("a")
    page.wait_for_selector(".incident.accepted")
    page.wait_for_selector("#details >> text=agent.puig")


def test_the_page_says_whether_it_can_make_a_sound_and_rings_until_somebody_accepts(desk, open_page):
    desk.operator("agent.puig")
    page = open_page("agent.puig")
    page.click("#sound")
    page.wait_for_selector('#sound[aria-pressed="true"]')
    desk.incident()
    page.wait_for_selector('body[data-ringing="true"]')
    page.click("#accept")
    page.wait_for_selector('body[data-ringing="false"]')


def test_a_pending_incident_makes_no_sound(desk, open_page):
    desk.operator("agent.puig")
    page = open_page("agent.puig")
    desk.incident(kind="fall", state="pending")
    page.wait_for_selector(".incident.pending")
    page.wait_for_selector('body[data-ringing="false"]')


def test_an_accepted_incident_is_closed_with_its_disposition(desk, open_page):
    desk.operator("agent.puig")
    desk.incident(state="accepted")
    page = open_page("agent.puig")
    page.wait_for_selector("#disposition")
    page.select_option("#disposition", "false_accident")
    page.click("#close")
    page.wait_for_selector(".incident.closed")
    page.wait_for_selector("#details >> text=false, by accident")


def test_of_two_officers_who_accept_one_gets_it_and_the_other_sees_who(desk, open_page):
    desk.operator("agent.puig")
    desk.operator("agent.serra")
    number = desk.incident()
    first, second = open_page("agent.puig"), open_page("agent.serra")
    second.wait_for_selector("#accept")
    # The second page still shows the button while the first one is quicker.
    second.route("**/api/events", lambda route: route.abort())
    first.click("#accept")
    first.wait_for_selector(".incident.accepted")
    answer = second.evaluate(
        "async (n) => { const s = JSON.parse(document.getElementById('setup').textContent);"
        "const r = await fetch(`/api/incidents/${n}/accept`, {method: 'POST', headers: {'x-csrf': s.csrf}});"
        "return [r.status, (await r.json()).detail]; }",
        number,
    )
    assert answer == [409, f"agent.puig has already accepted incident {number}."]


def test_the_desk_is_usable_at_twice_the_size_without_scrolling_sideways(desk, open_page):
    desk.operator("agent.puig")
    desk.incident()
    page = open_page("agent.puig", width=720, height=450)  # 1440 x 900 at 200 %
    page.wait_for_selector("#accept")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_everything_can_be_reached_with_the_keyboard_alone(desk, open_page):
    desk.operator("agent.puig")
    desk.incident(wearer="Rosa Vidal")
    desk.incident(wearer="Joan Ferrer")
    page = open_page("agent.puig")
    page.wait_for_selector("#accept")
    reached = set()
    for _ in range(30):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.dataset.id || ''"))
    assert {"sound", "logout", "accept"} <= reached
    assert len([name for name in reached if name.isdigit()]) == 2


def test_what_a_wearer_is_called_is_text_and_never_markup(desk, open_page):
    desk.operator("agent.puig")
    desk.incident(wearer="<img src=x onerror=alert(1)>")
    page = open_page("agent.puig")
    page.wait_for_selector(".incident >> text=<img src=x")
    assert page.locator(".incident img").count() == 0


def test_a_lost_connection_is_told_in_words(desk, open_page):
    desk.operator("agent.puig")
    page = open_page("agent.puig")
    page.wait_for_selector("#live:not(.off)")
    page.context.set_offline(True)
    page.evaluate("fetch('/api/me').catch(() => 0)")
    desk.run(_cut(desk))
    page.wait_for_selector("#lost:not([hidden])")
    page.context.set_offline(False)


async def _cut(desk):
    desk.app.state.stream._cut_all()


def test_a_late_report_shows_both_times(desk, open_page):
    desk.operator("agent.puig")
    happened = datetime.now(UTC) - timedelta(days=2, minutes=4)
    desk.incident(late=True, occurred_at=happened)
    page = open_page("agent.puig")
    told = page.inner_text(".incident .times")
    day = page.evaluate(
        "(at) => new Date(at).toLocaleDateString('en', {day: 'numeric', month: 'short'})",
        happened.isoformat(),
    )
    assert told.startswith(f"occurred {day} ")
    assert "received" in told
    page.wait_for_selector(".incident >> text=late")
    page.wait_for_selector("#details dd >> text=48 h ago")


def test_a_pending_fall_is_grey_and_says_when_it_opens(desk, open_page):
    desk.operator("agent.puig")
    desk.incident(kind="fall", state="pending")
    page = open_page("agent.puig")
    page.wait_for_selector(".incident.pending .until >> text=opens in")
    page.wait_for_selector("#details >> text=Opens by itself")


def test_an_unreadable_alarm_shows_its_bytes(desk, open_page):
    desk.operator("agent.puig")
    desk.incident(kind="unreadable", raw="0001000763")
    page = open_page("agent.puig")
    page.wait_for_selector("#details .raw >> text=00 01 00 07 63")
    page.wait_for_selector("#details >> text=Unreadable alarm")


def test_what_a_wearer_takes_back_too_late_and_where_hubs_disagree_is_said_in_words(desk, open_page):
    desk.operator("agent.puig")
    desk.incident(says_false_alarm=True, disputed=True, lat_e7=413_544_000, lon_e7=20_710_000)
    page = open_page("agent.puig")
    page.wait_for_selector(".incident >> text=wearer says false alarm")
    page.wait_for_selector(".incident >> text=position disputed")


def test_the_map_names_the_towns_around_the_chosen_incident(desk, open_page):
    desk.operator("agent.puig")
    desk.incident(lat_e7=413_544_000, lon_e7=20_710_000)
    page = open_page("agent.puig")
    page.wait_for_selector(".town >> text=Cornellà de Llobregat")


def test_the_arrow_keys_take_the_focus_along(desk, open_page):
    desk.operator("agent.puig")
    first, second = desk.incident(wearer="Rosa Vidal"), desk.incident(wearer="Joan Ferrer")
    page = open_page("agent.puig")
    page.wait_for_selector("#accept")
    page.keyboard.press("ArrowDown")
    focused = page.evaluate("document.activeElement.dataset.id")
    assert int(focused) in (first, second)
    assert page.get_attribute(f'.incident[data-id="{focused}"]', "aria-current") == "true"


def test_what_an_officer_was_about_to_do_survives_news_of_the_incident(desk, open_page):
    desk.operator("agent.puig")
    number = desk.incident(state="accepted")
    page = open_page("agent.puig")
    page.select_option("#disposition", "false_misuse")
    page.focus("#disposition")
    page.evaluate("document.getElementById('details').firstElementChild.dataset.old = 'yes'")
    desk.run(_told_again(desk, number))
    page.wait_for_selector("#details > :first-child:not([data-old])")
    assert page.input_value("#disposition") == "false_misuse"
    assert page.evaluate("document.activeElement.id") == "disposition"


async def _told_again(desk, number):
    async with desk.store.transaction() as tx:
        await tx.add_transition(
            Transition(number, "pressed again", "accepted", "accepted", "device 1", datetime.now(UTC), "")
        )


def test_a_log_in_that_fails_says_why_in_one_sentence(desk, open_page):
    desk.operator("agent.puig")
    page = open_page("agent.puig")
    page.click("#logout")
    page.wait_for_selector("#login")
    page.click("button[type=submit]")
    page.wait_for_selector("#trouble >> text=Name or password is wrong")
    page.fill("#name", "agent.puig")
    page.fill("#password", "not this one")
    page.click("button[type=submit]")
    page.wait_for_selector("#trouble >> text=Name or password is wrong")
    page.context.set_offline(True)
    page.click("button[type=submit]")
    page.wait_for_selector("#trouble >> text=The desk does not answer")
    page.context.set_offline(False)


def test_the_picture_in_the_readme_is_of_the_real_desk(desk, open_page, take_picture):
    desk.operator("agent.puig", "specialist")
    now = datetime.now(UTC)
    here = {"radius_m": 100, "position_source": "hub kitchen", "position_at": now}
    desk.incident(wearer="Josep Puig", state="closed", lat_e7=413_600_000, lon_e7=20_900_000, **here)
    desk.incident(
        kind="fall",
        state="pending",
        wearer="Antònia Serra",
        lat_e7=414_469_000,
        lon_e7=22_450_000,
        **here,
        town="08015",
    )
    desk.incident(
        state="accepted", wearer="Carme Roca", lat_e7=413_600_000, lon_e7=21_100_000, **here, town="08101"
    )
    desk.incident(
        kind="unreadable",
        wearer="Joan Ferrer",
        raw="0001000763001f9c7a50",
        occurred_at=now - timedelta(minutes=4),
        late=True,
    )
    desk.incident(wearer="Maria Soler", press_count=2, lat_e7=413_544_000, lon_e7=20_710_000, **here)
    page = open_page("agent.puig")
    page.click("#sound")
    page.click(".incident >> text=Maria Soler")
    page.wait_for_selector("#details >> text=Maria Soler")
    page.wait_for_selector("path.leaflet-interactive", state="attached")
    page.wait_for_timeout(600)  # the map glides to its place; nothing announces the end of it
    take_picture(page, PICTURE)


BEACH = (412_650_000, 19_760_000)


def walked(steps, newest_age_s=10):
    """Points of a walk along the beach, 33 m every 20 s, the newest last."""
    lat, lon = BEACH
    return [(lat, lon + n * 4000, newest_age_s + 20 * (steps - 1 - n)) for n in range(steps)]


def until(page, script):
    """Wait until a script says yes; playwright's own way would evaluate a string in the page, which it forbids."""
    for _ in range(300):
        if page.evaluate(script):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never came true: {script}")


def test_the_way_she_walks_is_drawn_as_it_comes_and_stays_in_sight(desk, open_page):
    desk.operator("agent.puig")
    number = desk.incident(wearer="Núria Vila")
    page = open_page("agent.puig")
    page.wait_for_selector("#details >> text=unknown")
    desk.walk(number, *walked(1))
    page.wait_for_selector("#details >> text=/within 25 m · by the device · \\d+ s ago/")
    page.wait_for_selector("path.reach", state="attached")
    assert not page.query_selector("path.track")
    desk.walk(number, *walked(4)[1:])
    page.wait_for_selector("path.track", state="attached")
    until(page, "document.querySelectorAll('path.point').length === 3")
    in_sight = """() => {
        const map = document.getElementById('map').getBoundingClientRect();
        const it = document.querySelector('path.track').getBoundingClientRect();
        return it.left > map.left && it.right < map.right && it.top > map.top && it.bottom < map.bottom;
    }"""
    until(page, in_sight)
    desk.walk(number, (BEACH[0] + 100_000, BEACH[1] + 300_000, 1))
    until(page, "document.querySelectorAll('path.point').length === 4")
    until(page, in_sight)


def test_a_position_of_before_is_shown_as_old(desk, open_page):
    desk.operator("agent.puig")
    fresh, stale = desk.incident(wearer="Now Here"), desk.incident(wearer="Long Gone")
    desk.walk(fresh, (*BEACH, 10))
    desk.walk(stale, (*BEACH, 1500))
    page = open_page("agent.puig")
    page.click(".incident >> text=Long Gone")
    page.wait_for_selector("#details >> text=25 min ago")
    page.wait_for_selector("#details >> text=old position")
    page.click(".incident >> text=Now Here")
    page.wait_for_selector("#details >> text=/by the device/")
    assert not page.is_visible("#details >> text=old position")


def test_a_cell_is_named_and_makes_no_point_on_the_map(desk, open_page):
    desk.operator("agent.puig")
    now = datetime.now(UTC)
    desk.incident(position_source="cell", cell="214-7-1234-56789", cell_at=now - timedelta(minutes=3))
    page = open_page("agent.puig", language="ca")
    page.wait_for_selector("#details >> text=desconeguda")
    page.wait_for_selector("#details >> text=214-7-1234-56789 · fa 3 min")
    page.wait_for_selector("path.boundary", state="attached")
    assert page.query_selector_all("path.leaflet-interactive:not(.boundary)") == []


def test_what_a_device_cannot_do_is_said_beside_its_incident_and_in_a_list(desk, open_page):
    desk.operator("agent.puig")
    desk.incident(wearer="Núria Vila")
    desk.faults(1001, "certificate", "unopened")
    page = open_page("agent.puig")
    page.wait_for_selector("#faults >> text=Device 1001 · Núria Vila")
    page.wait_for_selector("#faults >> text=alarm that could not be opened")
    page.wait_for_selector("#details >> text=server's certificate refused")


def counts(*strong):
    """What a fall felt like, in counts: rest, and from the blow on what is given."""
    triples = [(0, 16, 0)] * evidence.SAMPLES
    triples[evidence.BLOW : evidence.BLOW + len(strong)] = strong
    return bytes(value & 0xFF for triple in triples for value in triple)


def test_what_a_fall_felt_like_appears_as_it_comes_and_is_told_in_words_too(desk, open_page):
    desk.operator("agent.puig")
    number = desk.incident(kind="fall")
    page = open_page("agent.puig")
    page.wait_for_selector("#accept")
    assert page.locator("#details .evidence").count() == 0
    felt = counts((60, 10, 0))
    desk.felt(number, felt, 0, 1, 2, 3)
    page.wait_for_selector("#details .evidence >> text=4 parts of 9 have come")
    desk.felt(number, felt, 4, 5, 6, 7, 8)
    picture = page.wait_for_selector('#details .evidence img[src*="pieces=9"]')
    until(page, "document.querySelector('.evidence img').naturalWidth > 0")
    assert picture.get_attribute("alt") == (
        "Acceleration for 5 s around the blow: at most 3.9 g, 0.0 s from the blow."
    )
    assert page.locator("#details .evidence >> text=have come").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_picture_that_is_there_is_not_fetched_again_with_every_news(desk, open_page):
    desk.operator("agent.puig")
    number = desk.incident(kind="fall")
    desk.felt(number, counts((60, 10, 0)), *range(evidence.PIECES))
    page = open_page("agent.puig")
    fetched = []
    page.on("request", lambda request: fetched.append(request.url) if ".svg" in request.url else None)
    page.wait_for_selector("#details .evidence img")
    before = len([url for url in fetched if "evidence.svg" in url])
    desk.risen(number)
    page.wait_for_selector("#details .history >> text=up again and walking")
    assert page.locator("#details .evidence img").count() == 1
    assert len([url for url in fetched if "evidence.svg" in url]) == before


def test_that_she_is_up_again_is_said_and_the_alarm_rings_on(desk, open_page):
    desk.operator("agent.puig")
    number = desk.incident(kind="fall")
    page = open_page("agent.puig", language="ca")
    page.wait_for_selector('body[data-ringing="true"]')
    desk.risen(number)
    page.wait_for_selector("#details dt >> text=Dreta un altre cop")
    page.wait_for_selector("#details .history >> text=dreta i caminant")
    page.wait_for_selector(".incident.open")
    page.wait_for_selector('body[data-ringing="true"]')
    assert page.locator("#accept").count() == 1


_DARKEST_AND_LIGHTEST = """async (png) => {
    const picture = new Image();
    picture.src = 'data:image/png;base64,' + png;
    await picture.decode();
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [picture.width, picture.height];
    const drawing = canvas.getContext('2d');
    drawing.drawImage(picture, 0, 0);
    const pixels = drawing.getImageData(0, 0, canvas.width, canvas.height).data;
    let [darkest, lightest, sum] = [255, 0, 0];
    for (let i = 0; i < pixels.length; i += 4) {
        const light = 0.2126 * pixels[i] + 0.7152 * pixels[i + 1] + 0.0722 * pixels[i + 2];
        [darkest, lightest, sum] = [Math.min(darkest, light), Math.max(lightest, light), sum + light];
    }
    return [darkest, lightest, sum * 4 / pixels.length];
}"""


def test_the_plot_is_seen_by_day_and_by_night(desk, open_page):
    desk.operator("agent.puig")
    number = desk.incident(kind="fall")
    desk.felt(number, counts((60, 10, 0)), *range(evidence.PIECES))
    page = open_page("agent.puig")
    page.wait_for_selector("#details .evidence img")
    until(page, "document.querySelector('.evidence img').naturalWidth > 0")
    seen = {}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        shot = b64encode(page.locator(".evidence img").screenshot()).decode()
        seen[scheme] = page.evaluate(_DARKEST_AND_LIGHTEST, shot)
    # Dark lines on light paper, and light ones on dark: the paper is most of the picture.
    (darkest, lightest, paper), (night_darkest, night_lightest, night_paper) = seen["light"], seen["dark"]
    assert paper > 200 and lightest - darkest > 150
    assert night_paper < 80 and night_lightest - night_darkest > 120


def test_the_name_of_a_wearer_is_text_on_the_map_too(desk, open_page):
    desk.operator("agent.puig")
    number = desk.incident(wearer="<b id=made-bold>Mallory</b>")
    desk.walk(number, (*BEACH, 10))
    page = open_page("agent.puig")
    page.hover("path.leaflet-interactive:not(.boundary):not(.reach)")
    page.wait_for_selector(".leaflet-tooltip >> text=<b id=made-bold>")
    assert not page.query_selector("#made-bold")


def test_the_first_tap_on_a_narrow_page_chooses_what_was_tapped(desk, open_page):
    desk.operator("agent.puig")
    before = datetime.now(UTC) - timedelta(minutes=1)  # what is fresh pulses, and is waited for
    for name in ("Maria Soler", "Rosa Vidal", "Joan Ferrer"):
        before += timedelta(seconds=1)
        desk.incident(wearer=name, received_at=before, occurred_at=before)
    page = open_page("agent.puig", width=390, height=844, language="es")
    # One is shown without a tap: the newest, or whichever the stream told of first.
    page.wait_for_selector("#details >> text=/Soler|Vidal|Ferrer/")
    shown = page.inner_text("#details")
    other = "Maria Soler" if "Joan Ferrer" in shown else "Joan Ferrer"
    page.click(f".incident >> text={other}")
    page.wait_for_selector(f"#details >> text={other}")


def test_towns_that_could_not_be_had_are_asked_for_again(desk, open_page):
    desk.operator("agent.roca")
    page = open_page("agent.roca")
    page.route("**/boundaries.geojson", lambda route: route.abort(), times=1)
    page.reload()
    page.wait_for_selector("path.boundary", state="attached")
