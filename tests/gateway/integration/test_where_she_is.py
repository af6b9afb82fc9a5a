"""Positions: what the full form adds, which fix wins, the track, the town, and who is told of a move."""

from sos_wire import kinds

# About 111 m of latitude; Castelldefels' beach, Gavà's, and a street in Cornellà.
STEP = 10_000
BEACH = {"lat_e7": 412_650_000, "lon_e7": 19_760_000, "radius_m": 15, "fix_age_s": 0}
GAVA = {"lat_e7": 412_670_000, "lon_e7": 20_150_000, "radius_m": 15, "fix_age_s": 0}
BORDER = {**BEACH, "lat_e7": 412_690_000, "lon_e7": 20_001_000}  # 2 m to the west of it
CASTELLDEFELS, GAVA_TOWN, CORNELLA = "08056", "08089", "08073"
CELL = {"mcc": 214, "mnc": 7, "tac": 1234, "cell": 56789}


async def position(desk, watch, **fields):
    event = watch.full(kinds.POSITION, **fields)
    await desk.publish(watch.number, "telemetry", watch.seal_full(event))
    return event


async def sos(desk, watch, **fields):
    event = watch.full(kinds.SOS, **fields)
    await desk.publish(watch.number, "alarm", watch.seal_full(event))
    return event


async def track(desk):
    async with desk.store.transaction() as tx:
        return [row["lat_e7"] for row in await tx.all("track", incident_id=1, most=1000)]


def where(incident):
    return incident["lat_e7"], incident["lon_e7"], incident["radius_m"], incident["position_source"]


def test_the_full_form_of_a_stored_alarm_adds_its_position_once_and_no_second_alarm(run, clock):
    async def story(desk):
        watch = await desk.pendant(2001)
        short = watch.event(kinds.SOS)
        await desk.hear(watch.seal(short))
        more = watch.full(of=short, battery_mv=3700, press_count=3, faults=kinds.FAULT_GNSS, **GAVA, **CELL)
        clock.pass_time(seconds=5)
        for _ in range(3):
            await desk.publish(2001, "alarm", watch.seal_full(more))
        incident = await desk.incident()
        assert where(incident) == (412_670_000, 20_150_000, 15, "device")
        assert (incident["town"], incident["also_towns"]) == (GAVA_TOWN, [CORNELLA])
        assert (incident["press_count"], incident["cell"]) == (3, "214-7-1234-56789")
        (event,) = await desk.all("SELECT * FROM event")
        assert (event["battery_mv"], event["press_count"], event["faults"]) == (3700, 3, kinds.FAULT_GNSS)
        assert [change for change, _ in await desk.told()] == ["raised", "pressed again", "moved"]
        assert len(await desk.all("SELECT * FROM transition")) == 3

    run(story)


def test_a_short_copy_takes_nothing_from_what_the_full_form_said(run):
    async def story(desk):
        watch = await desk.pendant(2001)
        event = await sos(desk, watch, **BEACH)
        short = watch.event(kinds.SOS, seq=event.seq)
        await desk.hear(watch.seal(short))
        assert (await desk.incident())["lat_e7"] == BEACH["lat_e7"]
        assert len(await desk.all("SELECT * FROM event")) == 1

    run(story)


def test_a_position_moves_the_open_incident_and_is_a_point_of_its_track(run, clock):
    async def story(desk):
        watch = await desk.pendant(2001)
        alarm = await sos(desk, watch, **BEACH)
        for step in range(1, 4):
            clock.pass_time(seconds=20)
            there = {**BEACH, "lat_e7": BEACH["lat_e7"] + step * STEP // 10}
            await position(desk, watch, ref_boot=alarm.boot, ref_seq=alarm.seq, **there)
        incident = await desk.incident()
        assert (incident["lat_e7"], incident["press_count"]) == (BEACH["lat_e7"] + 3 * STEP // 10, 1)
        assert await track(desk) == [BEACH["lat_e7"] + step * STEP // 10 for step in range(4)]

    run(story)


def test_a_late_older_position_is_part_of_the_track_and_replaces_nothing(run, clock):
    async def story(desk):
        watch = await desk.pendant(2001)
        await sos(desk, watch)
        clock.pass_time(minutes=2)
        await position(desk, watch, **BEACH)
        old = {**BEACH, "lat_e7": BEACH["lat_e7"] - STEP, "fix_age_s": 60}
        await position(desk, watch, **old)
        assert (await desk.incident())["lat_e7"] == BEACH["lat_e7"]
        assert await track(desk) == [BEACH["lat_e7"] - STEP, BEACH["lat_e7"]]
        # Of no known age: it may be of any day, so it replaces none that has one.
        await position(desk, watch, **{**GAVA, "fix_age_s": kinds.AGE_UNKNOWN})
        assert (await desk.incident())["lat_e7"] == BEACH["lat_e7"]

    run(story)


def test_a_position_after_the_incident_is_closed_changes_nothing_and_is_stored(run, clock):
    async def story(desk):
        watch = await desk.pendant(2001)
        alarm = await sos(desk, watch, **BEACH)
        await desk.incidents.accept(1, "officer 7")
        await desk.incidents.close(1, "officer 7", "real")
        before = await desk.incident()
        clock.pass_time(minutes=1)
        event = await position(desk, watch, ref_boot=alarm.boot, ref_seq=alarm.seq, **GAVA)
        assert await desk.incident() == before
        assert await track(desk) == [BEACH["lat_e7"]]
        (row,) = await desk.all("SELECT incident_id, lat_e7 FROM event WHERE seq = %s", event.seq)
        assert (row["incident_id"], row["lat_e7"]) == (None, GAVA["lat_e7"])

    run(story)


def test_a_late_position_of_an_incident_that_is_over_is_no_point_of_the_next_ones_track(run, clock):
    async def story(desk):
        watch = await desk.pendant(2001)
        first = await sos(desk, watch, **BEACH)
        clock.pass_time(minutes=1)
        held = watch.full(kinds.POSITION, ref_boot=first.boot, ref_seq=first.seq, **GAVA)
        await desk.incidents.accept(1, "officer 7")
        await desk.incidents.close(1, "officer 7", "real")
        clock.pass_time(days=3)
        await sos(desk, watch)
        await desk.publish(2001, "telemetry", watch.seal_full(held))
        (second,) = await desk.all("SELECT * FROM incident WHERE id = 2")
        assert (second["state"], second["lat_e7"], second["town"]) == ("open", None, CORNELLA)
        # One that was made since belongs to it, whichever alarm it names.
        await position(desk, watch, ref_boot=first.boot, ref_seq=first.seq, **BEACH)
        assert (await desk.all("SELECT lat_e7 FROM incident WHERE id = 2"))[0]["lat_e7"] == BEACH["lat_e7"]

    run(story)


def test_zeros_are_no_position(run):
    async def story(desk):
        watch = await desk.pendant(2001)
        await sos(desk, watch, lat_e7=0, lon_e7=0, radius_m=0, fix_age_s=0)
        incident = await desk.incident()
        assert (*where(incident), incident["town"]) == (None, None, None, "unknown", CORNELLA)
        assert await track(desk) == []

    run(story)


def test_a_position_of_an_event_without_a_time_is_not_shown_as_one_of_now(run):
    async def story(desk):
        watch = await desk.pendant(2001)
        await sos(desk, watch, **{**BEACH, "unix_s": 0, "age_s": kinds.AGE_UNKNOWN, "flags": 0})
        incident = await desk.incident()
        assert (incident["lat_e7"], incident["position_at"]) == (BEACH["lat_e7"], None)
        await position(desk, watch, **GAVA)  # of which the time is known
        assert (await desk.incident())["lat_e7"] == GAVA["lat_e7"]

    run(story)


def test_officers_answer_alarms_and_not_the_positions_that_follow_them(run, clock):
    async def story(desk):
        watch = await desk.pendant(2001)
        alarm = await sos(desk, watch, **BEACH)
        event = await position(desk, watch, ref_boot=alarm.boot, ref_seq=alarm.seq, **BEACH)
        await desk.incidents.accept(1, "officer 7")
        await desk.publish(2001, "telemetry", watch.seal_full(event))
        downs = await desk.all("SELECT ref_seq, state FROM down")
        assert [(row["ref_seq"], row["state"]) for row in downs] == [(alarm.seq, kinds.ACCEPTED)]
        assert {watch.opened(a.frame).state for a in desk.to_device()} == {kinds.RECEIVED}

    run(story)


def test_a_position_does_not_keep_a_withdrawn_alarm_open(run, clock):
    async def story(desk):
        watch = await desk.pendant(2001)
        alarm = await sos(desk, watch, flags=kinds.CLOCK_VALID | kinds.PENDING)
        await position(desk, watch, **BEACH)
        cancel = watch.full(kinds.CANCELLED, ref_boot=alarm.boot, ref_seq=alarm.seq)
        await desk.publish(2001, "alarm", watch.seal_full(cancel))
        assert (await desk.incident())["state"] == "cancelled"
        assert await desk.told() == []

    run(story)


def test_an_unknown_position_stays_unknown_and_a_cell_is_no_place(run, clock):
    async def story(desk):
        watch = await desk.pendant(2001)
        await sos(desk, watch, **CELL)
        await position(desk, watch, **{**CELL, "cell": 56790})
        incident = await desk.incident()
        assert where(incident) == (None, None, None, "cell")
        assert (incident["cell"], incident["town"]) == ("214-7-1234-56790", CORNELLA)
        assert await track(desk) == []
        assert await desk.told() == [("raised", None)]

    run(story)


def test_the_first_position_is_told_and_then_only_another_place(run, clock):
    async def story(desk):
        watch = await desk.pendant(2001)
        await sos(desk, watch)
        for step in range(30):  # ten metres each: no storm
            clock.pass_time(seconds=10)
            await position(desk, watch, **{**BEACH, "lat_e7": BEACH["lat_e7"] + step * 900})
        told = await desk.told()
        assert [change for change, _ in told] == ["raised", "located", "moved", "moved"]
        assert told[1][1]["latitude"] == BEACH["lat_e7"] / 1e7

    run(story)


def test_a_move_within_the_radius_of_the_position_is_no_move(run, clock):
    async def story(desk):
        watch = await desk.pendant(2001)
        await sos(desk, watch, **BEACH)
        clock.pass_time(minutes=3)
        await position(desk, watch, **{**BEACH, "lat_e7": BEACH["lat_e7"] + 5 * STEP, "radius_m": 2000})
        assert [change for change, _ in await desk.told()] == ["raised"]
        assert (await desk.incident())["radius_m"] == 2000

    run(story)


def test_a_rough_position_does_not_take_the_place_of_a_fine_one_of_a_moment_ago(run, clock):
    async def story(desk):
        watch = await desk.pendant(2001)
        await sos(desk, watch, **BEACH)
        clock.pass_time(seconds=30)
        await position(desk, watch, **{**GAVA, "radius_m": 65535})
        assert where(await desk.incident()) == (BEACH["lat_e7"], BEACH["lon_e7"], 15, "device")
        assert len(await track(desk)) == 2
        clock.pass_time(hours=2)  # now she may be anywhere within it
        await position(desk, watch, **{**GAVA, "radius_m": 65535})
        assert (await desk.incident())["radius_m"] == 65535

    run(story)


def test_a_position_as_wide_as_several_towns_moves_nothing_to_another_desk(run):
    async def story(desk):
        watch = await desk.pendant(2001)
        await sos(desk, watch, **{**GAVA, "radius_m": 65535})
        incident = await desk.incident()
        assert (incident["lat_e7"], incident["town"], incident["also_towns"]) == (
            GAVA["lat_e7"],
            CORNELLA,
            [],
        )

    run(story)


def test_who_stands_on_a_border_is_told_to_the_other_town_once_and_not_with_every_fix(run, clock):
    async def story(desk):
        watch = await desk.pendant(2001)
        await sos(desk, watch, **BORDER)
        for n in range(1, 21):
            clock.pass_time(seconds=10)
            await position(desk, watch, **{**BORDER, "lon_e7": BORDER["lon_e7"] + n % 2 * 600})
        incident = await desk.incident()
        assert {incident["town"], *incident["also_towns"]} == {CASTELLDEFELS, GAVA_TOWN}
        assert [change for change, _ in await desk.told()] == ["raised", "moved"]

    run(story)


def test_of_a_turns_positions_sent_together_destinations_hear_the_newest_once(run, clock):
    async def story(desk):
        watch = await desk.pendant(2001)
        await sos(desk, watch, **BEACH)
        clock.pass_time(minutes=2)
        turn = [
            watch.full(
                kinds.POSITION, **{**BEACH, "lat_e7": BEACH["lat_e7"] + n * STEP * 3, "fix_age_s": 60 - n}
            )
            for n in range(1, 7)
        ]
        await desk.publish(2001, "telemetry", *(watch.seal_full(event) for event in turn))
        told = await desk.told()
        assert [change for change, _ in told] == ["raised", "moved"]
        assert told[1][1]["latitude"] == turn[-1].lat_e7 / 1e7
        assert await track(desk) == [BEACH["lat_e7"] + n * STEP * 3 for n in range(7)]

    run(story)


def test_who_walks_into_another_town_is_on_its_desk_and_stays_on_the_first(run, clock):
    async def story(desk):
        watch = await desk.pendant(2001)
        await sos(desk, watch, **BEACH)
        assert (await desk.incident())["town"] == CASTELLDEFELS
        clock.pass_time(minutes=20)
        await position(desk, watch, **GAVA)
        incident = await desk.incident()
        assert incident["town"] == GAVA_TOWN
        assert CASTELLDEFELS in incident["also_towns"]

    run(story)


def test_a_hub_that_hears_her_now_is_a_better_place_than_where_she_was_hours_ago(run, clock):
    async def story(desk):
        watch = await desk.pendant(2001)
        short = watch.event(kinds.SOS)
        stale = watch.seal_full(watch.full(of=short, **{**BEACH, "fix_age_s": 7200}))
        await desk.hear(stale, hub="kitchen")
        assert (await desk.incident())["position_source"] == "hub kitchen"
        clock.pass_time(seconds=10)
        await position(desk, watch, **{**BEACH, "fix_age_s": 30})
        assert where(await desk.incident())[3] == "device"

    run(story)


def test_a_position_before_any_alarm_raises_nothing(run):
    async def story(desk):
        watch = await desk.pendant(2001)
        await position(desk, watch, **BEACH)
        assert await desk.all("SELECT * FROM incident") == []

    run(story)


# What a device cannot do.


async def faults(desk):
    return {row["fault"] for row in await desk.all("SELECT fault FROM device_fault")}


def test_a_fault_is_kept_until_the_device_says_that_it_is_over(run, clock):
    async def story(desk):
        watch = await desk.pendant(2001)
        broken = watch.full(kinds.HEARTBEAT, faults=kinds.FAULT_CERTIFICATE | kinds.FAULT_SIM | 1 << 13)
        await desk.hear(watch.seal_full(broken))
        assert await faults(desk) == {"certificate", "sim", "bit 13"}
        since = await desk.all("SELECT since FROM device_fault ORDER BY fault")
        clock.pass_time(minutes=15)
        await desk.hear(watch.seal_full(watch.full(kinds.HEARTBEAT, faults=kinds.FAULT_CERTIFICATE)))
        assert await faults(desk) == {"certificate"}
        assert (await desk.all("SELECT since FROM device_fault"))[0] == since[1]
        clock.pass_time(minutes=15)
        well = watch.full(kinds.HEARTBEAT)
        await desk.hear(watch.seal_full(well))
        await desk.hear(watch.seal_full(broken))  # late, and of a past that is over
        assert await faults(desk) == set()

    run(story)


def test_a_short_form_says_that_there_is_a_fault_and_takes_no_name_away(run, clock):
    async def story(desk):
        watch = await desk.pendant(2001)
        await desk.hear(watch.alarm(kinds.HEARTBEAT, flags=kinds.CLOCK_VALID | kinds.FAULT))
        assert await faults(desk) == {"unnamed"}
        await desk.hear(watch.seal_full(watch.full(kinds.HEARTBEAT, faults=kinds.FAULT_GNSS)))
        assert await faults(desk) == {"gnss"}
        await desk.hear(watch.alarm(kinds.HEARTBEAT))
        assert await faults(desk) == {"gnss"}

    run(story)


def test_a_short_copy_after_the_full_form_does_not_add_a_fault_without_a_name(run):
    async def story(desk):
        watch = await desk.pendant(2001)
        flags = kinds.CLOCK_VALID | kinds.FAULT
        full = watch.full(kinds.SOS, faults=kinds.FAULT_GNSS, flags=flags)
        await desk.publish(2001, "alarm", watch.seal_full(full))
        await desk.hear(watch.seal(watch.event(kinds.SOS, seq=full.seq, flags=flags)))
        assert await faults(desk) == {"gnss"}
        await desk.hear(watch.alarm(kinds.HEARTBEAT, flags=flags))  # a newer event: it may be another fault
        assert await faults(desk) == {"gnss", "unnamed"}

    run(story)


def test_the_full_form_of_an_alarm_heard_on_the_air_says_which_faults(run):
    async def story(desk):
        watch = await desk.pendant(2001)
        short = watch.event(kinds.SOS, flags=kinds.CLOCK_VALID | kinds.FAULT)
        await desk.hear(watch.seal(short))
        await desk.hear(watch.seal_full(watch.full(of=short, faults=kinds.FAULT_MODEM)), rssi=0)
        assert await faults(desk) == {"modem"}

    run(story)
