"""A fall on the virtual clock, end to end: the countdown, what may be taken back, what it felt like, getting up again."""

import math

import pytest
from sos_gateway.domain.evidence import put_together
from sos_wire import evidence, kinds

from simulator.story import HUB_SIM, opened


def told_us(story, device, state=kinds.RECEIVED):
    """Return when each event of a device was told that state first, by (boot, seq)."""
    found = {}
    for e in story.world.history:
        if e.who == device.name and e.what == "told" and e.value[2] >= state:
            found.setdefault(tuple(e.value[:2]), e.t_us)
    return found


def pieces(story):
    """Return the pieces that are stored, with the moment each came."""
    rows = story.desk.store.rows("evidence")
    return [(row["piece"], story.desk.time_us(row["received_at"])) for row in rows]


def is_whole(story):
    return [len(felt) for felt in story.felt().values()] == [evidence.BYTES]


def fallen(story, device, within_s=20):
    """She falls; return the row of the fall that is stored."""
    device.move("fall")
    assert story.until(lambda: story.stored(kinds.FALL), within_s)
    return story.stored(kinds.FALL)[-1]


@pytest.mark.parametrize("seed", range(3))
def test_the_fall_is_on_the_desk_as_pending_at_once_and_what_it_felt_like_follows_within_seconds(seed):
    with opened(seed=seed) as story:
        story.hub("kitchen")
        pendant = story.pendant()
        story.set_clock(pendant)
        fall = fallen(story, pendant)
        assert [i["state"] for i in story.desk.open_incidents()] == ["pending"]
        assert story.until(lambda: is_whole(story), within_s=5)
        answered = told_us(story, pendant)[fall["boot"], fall["seq"]]
        assert all(at > answered for _, at in pieces(story))


def test_the_blow_stands_in_the_evidence_where_it_is_said_to_and_she_lies_after_it():
    with opened(seed=4) as story:
        story.hub("kitchen")
        pendant = story.pendant()
        story.set_clock(pendant)
        fallen(story, pendant)
        assert story.until(lambda: is_whole(story), within_s=5)
        (felt,) = story.felt().values()
        found = put_together((i, felt[i * evidence.PIECE_BYTES :][: evidence.PIECE_BYTES]) for i in range(9))
        g, at = found.strongest()
        assert g > 3 and abs(at) <= 0.08
        assert all(abs(math.hypot(*sample) - 1000) < 200 for sample in found.samples[-25:])


def test_over_three_hubs_and_with_packets_twice_every_piece_is_kept_once():
    with opened(seed=5) as story:
        hubs = [story.hub(name) for name in ("kitchen", "stairs", "park")]
        pendant = story.pendant()
        for hub in hubs:
            story.reception(pendant, hub).doubled = 0.5
        story.set_clock(pendant)
        fallen(story, pendant)
        assert story.until(lambda: is_whole(story), within_s=10)
        story.run(60)
        assert sorted(piece for piece, _ in pieces(story)) == list(range(evidence.PIECES))


@pytest.mark.parametrize("seed", range(4))
def test_a_connection_that_ends_in_the_middle_is_made_up_for_on_the_next(seed):
    with opened(seed=seed) as story:
        story.hub("kitchen")
        pendant = story.pendant()
        story.set_clock(pendant)
        pendant.move("fall")
        assert story.until(lambda: pieces(story), within_s=20)
        assert not is_whole(story)
        story.ether.advertiser(pendant.number).connection.end()
        assert story.until(lambda: is_whole(story), within_s=120)


@pytest.mark.parametrize("seed", range(4))
def test_where_every_connection_breaks_whatever_came_is_kept_and_the_alarm_is_none_the_worse(seed):
    with opened(seed=seed) as story:
        hub = story.hub("kitchen")
        pendant = story.pendant()
        story.set_clock(pendant)
        story.reception(pendant, hub).dropped = 0.3
        fall = fallen(story, pendant)
        assert story.until(lambda: (fall["boot"], fall["seq"]) in told_us(story, pendant), within_s=20)
        assert story.until(lambda: pieces(story), within_s=600)
        assert [i["kind"] for i in story.desk.open_incidents()] == ["fall"]


def test_two_clicks_take_it_back_before_anybody_hears_it_and_then_nothing_of_it_is_told():
    with opened(seed=6) as story:
        stairs = story.hub("stairs")
        pendant = story.pendant()
        story.set_clock(pendant)
        story.reception(pendant, stairs).deaf = True
        pendant.move("fall")
        story.run(10)
        story.finger(pendant).click(2)
        story.reception(pendant, stairs).deaf = False
        assert story.until(lambda: story.stored(kinds.CANCELLED) and story.stored(kinds.FALL), within_s=60)
        story.run(120)
        assert [i["state"] for i in story.desk.incidents_now()] == ["cancelled"]
        assert story.felt() == {}


def test_a_fall_while_a_silent_alarm_is_under_way_tells_nothing_of_itself_but_that_it_was():
    with opened(seed=7) as story:
        story.hub("kitchen")
        pendant = story.pendant()
        story.set_clock(pendant)
        story.finger(pendant).click(4)
        assert story.until(story.desk.open_incidents)
        story.run(5)
        fallen(story, pendant)
        story.run(60)
        assert story.felt() == {}
        assert story.desk.open_incidents()[0]["press_count"] == 2


def test_while_an_sos_waits_for_its_answer_no_piece_goes_up():
    """Both are answered late: what the fall felt like comes after the answer to the SOS as well."""
    with opened(seed=8) as story:
        stairs = story.hub("stairs")
        pendant = story.pendant()
        story.set_clock(pendant)
        story.reception(pendant, stairs).deaf = True
        pendant.move("fall")
        story.run(10)
        story.finger(pendant).hold()
        story.run(5)
        story.reception(pendant, stairs).deaf = False
        assert story.until(lambda: is_whole(story), within_s=90)
        (sos,) = story.stored(kinds.SOS)
        (fall,) = story.stored(kinds.FALL)
        answered = told_us(story, pendant)
        last = max(answered[row["boot"], row["seq"]] for row in (sos, fall))
        assert min(at for _, at in pieces(story)) > last


@pytest.mark.parametrize("after_s", [0.05, 0.2, 0.4, 0.8])
def test_a_hold_while_pieces_go_up_is_an_sos_as_soon_as_ever(after_s):
    with opened(seed=9) as story:
        story.hub("kitchen")
        pendant = story.pendant()
        story.set_clock(pendant)
        pendant.move("fall")
        assert story.until(lambda: told_us(story, pendant), within_s=20)
        story.run(after_s)
        story.finger(pendant).hold()
        assert story.until(lambda: story.stored(kinds.SOS), within_s=1)
        assert story.until(lambda: is_whole(story), within_s=70)


@pytest.mark.parametrize("power_goes", [False, True])
def test_deep_sleep_keeps_what_it_felt_like_and_a_loss_of_power_does_not(power_goes):
    with opened(seed=10) as story:
        stairs = story.hub("stairs")
        pendant = story.pendant(awake_s=30)
        story.set_clock(pendant)
        story.reception(pendant, stairs).deaf = True
        pendant.move("fall")
        story.run(20)
        assert story.until(lambda: pendant.asleep, within_s=180)
        if power_goes:
            pendant.cut_power(1)
            story.run(2)
        story.reception(pendant, stairs).deaf = False
        assert story.until(lambda: story.stored(kinds.FALL), within_s=300)
        story.run(300)
        assert [i["kind"] for i in story.desk.open_incidents()] == ["fall"]
        assert is_whole(story) is not power_goes


@pytest.mark.parametrize("sms_to", ["", HUB_SIM])
def test_a_watch_out_of_every_hubs_reach_publishes_it_after_the_answer_and_texts_nothing_of_it(sms_to):
    with opened(seed=11) as story:
        watch = story.watch(sms_to=sms_to)
        story.skies[watch.number].go(60_000_000, 41.2649, 1.9866)
        story.set_clock(watch, within_s=180)
        fall = fallen(story, watch, within_s=90)
        assert story.until(lambda: is_whole(story), within_s=60)
        answered = told_us(story, watch)[fall["boot"], fall["seq"]]
        assert all(at > answered for _, at in pieces(story))
        assert len({at for _, at in pieces(story)}) == 1  # one message


def test_a_watch_whose_network_goes_before_it_is_told_tells_it_when_there_is_one_again():
    with opened(seed=12) as story:
        watch = story.watch()
        story.set_clock(watch, within_s=180)
        faults = story.modem(watch).faults
        faults.no_network = True
        watch.move("fall")
        story.run(40)
        assert not story.stored(kinds.FALL)
        faults.no_network = False
        assert story.until(lambda: is_whole(story), within_s=600)


# Getting up.


def risen(story, device):
    story.run(device.move("fall"))
    assert story.until(lambda: story.stored(kinds.FALL), within_s=90)
    story.run(device.move("get-up"))
    device.move("walk")


@pytest.mark.parametrize("board", ["pendant", "watch"])
def test_who_gets_up_and_walks_is_noted_once_and_the_incident_opens_all_the_same(board):
    with opened(seed=13) as story:
        if board == "pendant":
            story.hub("kitchen")
        device = getattr(story, board)()
        story.set_clock(device, within_s=180)
        risen(story, device)
        assert story.until(lambda: story.stored(kinds.RISEN), within_s=120)
        assert story.until(lambda: story.desk.open_incidents()[0]["state"] == "open", within_s=60)
        story.run(120)
        (row,) = story.stored(kinds.RISEN)
        (fall,) = story.stored(kinds.FALL)
        assert (row["ref_boot"], row["ref_seq"]) == (fall["boot"], fall["seq"])
        what = [step["what"] for step in story.desk.store.rows("transition")]
        assert what.count("risen") == 1
        assert not [step for step in what if "withdrawn" in step or "cancel" in step]


def test_who_gets_up_feels_the_countdown_on_and_can_still_take_it_back():
    with opened(seed=14) as story:
        story.hub("kitchen")
        pendant = story.pendant()
        story.set_clock(pendant)
        risen(story, pendant)
        assert story.until(lambda: story.stored(kinds.RISEN), within_s=30)
        if story.desk.open_incidents()[0]["state"] == "pending":
            story.finger(pendant).click(2)
            assert story.until(lambda: not story.desk.open_incidents(), within_s=10)
            assert [i["state"] for i in story.desk.incidents_now()] == ["cancelled"]


def test_who_has_taken_the_fall_back_gets_up_unremarked():
    with opened(seed=15) as story:
        story.hub("kitchen")
        pendant = story.pendant()
        story.set_clock(pendant)
        fallen(story, pendant)
        story.run(2)
        story.finger(pendant).click(2)
        assert story.until(lambda: not story.desk.open_incidents(), within_s=10)
        story.run(pendant.move("get-up"))
        pendant.move("walk")
        story.run(60)
        assert story.stored(kinds.RISEN) == []
