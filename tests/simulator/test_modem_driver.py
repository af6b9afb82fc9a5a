"""The modem's driver in real MicroPython against the emulated SIM7080G: every method, and every way it can go wrong."""

from collections.abc import Iterator

import pytest
from sos_wire import kinds

from simulator import modem_soak
from simulator.chips.sim7080g import Failure
from simulator.modem_bench import DOWN, NETWORK, NOW_S, TOPIC, ModemBench

PAYLOAD = bytes(range(64))
HUB = "+34600000002"


@pytest.fixture
def bench() -> Iterator[ModemBench]:
    with ModemBench() as bench:
        yield bench
        assert not bench.of("late")
        assert not bench.modem.unknown


@pytest.fixture
def connected(bench: ModemBench) -> ModemBench:
    assert bench.call("up").state == "CONNECTED"
    bench.told.clear()
    bench.said.clear()
    return bench


def presses(bench: ModemBench) -> int:
    return bench.pins.count(("pwrkey", True))


# Power.


def test_a_modem_that_is_off_is_started_by_one_press_of_its_key(bench):
    assert bench.call("start").state == "READY"
    assert presses(bench) == 1


def test_a_modem_that_runs_is_asked_first_and_its_key_left_alone(bench):
    bench.call("start")
    pressed = presses(bench)
    assert bench.call("start").state == "READY"
    assert presses(bench) == pressed


def test_a_modem_wholly_dark_is_brought_back_by_its_rail(bench):
    bench.call("start")
    bench.modem.faults.dark = True
    assert bench.call("start").state == "READY"
    assert ("rail", False) in bench.pins


def test_one_that_nothing_brings_back_is_a_fault_of_the_modem(bench):
    bench.modem.faults.pwrkey_ignored = True
    answer = bench.call("start")
    assert answer.fault == kinds.FAULT_MODEM
    assert answer.state == "OFF"


def test_a_modem_stopped_in_good_order_logs_off_first(connected):
    answer = connected.call("stop")
    assert (answer.fault, answer.state) == (0, "OFF")
    assert connected.said.find(b"AT+SMDISC") < connected.said.find(b"AT+CPOWD=1")
    assert not connected.of("lost")
    assert connected.call("up").state == "CONNECTED"


@pytest.mark.parametrize("settings", [{"cpsms": (1, "00111000", "00000101")}, {"csclk": 1}, {"cnmp": 13}])
def test_what_an_earlier_owner_left_in_the_modem_is_put_right(bench, settings):
    bench.modem.flash.update(settings)
    assert bench.call("up").state == "CONNECTED"
    assert {name: bench.modem.flash[name] for name in settings} != settings


def test_a_stale_apn_is_replaced(bench):
    bench.modem.flash["cgdcont"] = {1: ("IP", "stale")}
    bench.modem.cell.apn = "internet"
    assert bench.call("up").state == "CONNECTED"
    assert bench.modem.flash["cgdcont"][1][1] == "internet"


def test_a_modem_trapped_offline_is_reset(bench):
    bench.call("start")
    bench.modem.radio.level = 7
    assert bench.call("start").state == "READY"
    assert bench.call("up").state == "CONNECTED"


def test_settings_that_do_not_stick_are_told_of_and_stop_nothing(bench):
    bench.modem.faults.settings_ignored = True
    bench.modem.flash["cnmp"] = 13
    bench.call("start")
    assert any("CNMP" in line for line in bench.of("log"))


def test_it_sleeps_in_psm_and_wakes_by_its_key(connected):
    assert connected.call("sleep").state == "ASLEEP"
    connected.call("pause", 60_000)
    assert connected.modem.power.state == "psm"
    assert connected.call("up").state == "CONNECTED"


def test_the_settings_survive_no_boot_and_are_made_again(connected):
    connected.modem.power.restart()
    connected.call("pause", 10_000)
    assert connected.of("lost") == ["reboot"]
    assert connected.call("up").state == "CONNECTED"
    assert connected.said.count(b"AT+SMCONF=") == 7


@pytest.mark.parametrize("how", ["stop", "power_cycle"])
def test_after_its_power_was_taken_one_press_starts_it_at_once(connected, how):
    connected.call(how)
    connected.pins.clear()
    answer = connected.call("start")
    assert (answer.fault, presses(connected)) == (0, 1)


def test_a_modem_deaf_in_its_log_in_is_brought_back_by_its_key(connected):
    connected.call("disconnect")
    connected.modem.faults.connect_hangs_s = 600.0
    assert connected.call("connect", 5_000).fault
    connected.modem.faults.connect_hangs_s = 0.0
    connected.pins.clear()
    answer = connected.call("recover", 5)
    assert (answer.fault, answer.state, presses(connected)) == (0, "READY", 2)


@pytest.mark.parametrize("step", range(7))
def test_every_step_of_the_ladder_leaves_a_modem_that_connects_again(connected, step):
    answer = connected.call("recover", step)
    assert (answer.fault, answer.value) == (0, min(step + 1, 6))
    assert connected.call("up").state == "CONNECTED"


# SIM and network.


def test_without_a_sim_the_fault_is_the_sims(bench):
    bench.modem.faults.no_sim = True
    bench.call("start")
    assert bench.call("register", 20_000).fault == kinds.FAULT_SIM


def test_a_wrong_pin_is_tried_once_and_the_card_never_locked():
    with ModemBench(sim_pin="1111") as bench:
        bench.modem.identity.pin = "2222"
        bench.call("start")
        for _ in range(5):
            assert bench.call("register", 20_000).fault == kinds.FAULT_SIM
        assert bench.said.count(b"AT+CPIN=") == 1


def test_a_right_pin_opens_the_card():
    with ModemBench(sim_pin="1111") as bench:
        bench.modem.identity.pin = "1111"
        assert bench.call("up").state == "CONNECTED"


@pytest.mark.parametrize("fault", ["denied", "no_network"])
def test_who_is_not_let_in_has_a_fault_of_registration_in_time(bench, fault):
    setattr(bench.modem.faults, fault, True)
    bench.call("start")
    answer = bench.call("register", 30_000)
    assert answer.fault == kinds.FAULT_REGISTRATION
    assert answer.took_ms <= 30_000


def test_registration_says_where_and_how(bench):
    bench.modem.cell.roaming = True
    bench.call("start")
    assert bench.call("register").value == [5, 7]


def test_a_data_connection_refused_is_a_fault_of_the_network(bench):
    bench.call("start")
    bench.call("register")
    bench.modem.faults.pdp_dropped = True
    answer = bench.call("attach")
    assert answer.fault == kinds.FAULT_NETWORK
    assert answer.state == "REGISTERED"


def test_a_data_connection_that_goes_is_told_of_and_comes_back(connected):
    connected.modem.faults.pdp_dropped = True
    connected.modem.faults.pdp_dropped = False
    assert connected.call("pause", 100).state == "REGISTERED"
    assert "pdp" in connected.of("lost")
    assert connected.call("up").state == "CONNECTED"


def test_the_cell_is_told_in_numbers(connected):
    assert connected.call("cell").value == {
        "mcc": 214,
        "mnc": 7,
        "tac": 0x2F1A,
        "cell": 0x1B2C301,
        "rssi_dbm": connected.call("cell").value["rssi_dbm"],
    }
    assert -113 <= connected.call("cell").value["rssi_dbm"] < 0


def test_battery_and_time_are_told(connected):
    charging, percent, millivolts = connected.call("battery").value
    assert charging is False
    assert 0 <= percent <= 100 and 3000 < millivolts < 4500
    connected.call("radio", False)
    connected.call("up")
    assert connected.call("network_time").value == pytest.approx(NOW_S, abs=3600)


# The broker.


def test_the_broker_is_verified_whatever_happens(connected):
    (want,) = connected.broker.wanted
    assert (want.tls, want.check_time, want.sni) == (True, True, NETWORK["host"])
    assert want.ca_pem == str(NETWORK["ca"]).encode()
    assert want.client_id == want.user == NETWORK["user"]
    assert DOWN in connected.broker.topics


def test_the_certificate_is_written_once_and_again_only_when_it_is_another():
    with ModemBench() as bench:
        bench.call("up")
        assert bench.said.count(b"AT+CFSWFILE=") == 1
        bench.call("power_cycle")
        bench.call("up")
        assert bench.said.count(b"AT+CFSWFILE=") == 1
        flash = bench.modem.flash
    with ModemBench(ca=NETWORK["ca"] + "another\n") as bench:
        bench.modem.flash.update(flash)
        bench.broker.authority = NETWORK["ca"] + "another\n"
        assert bench.call("up").state == "CONNECTED"
        assert bench.said.count(b"AT+CFSWFILE=") == 1


@pytest.mark.parametrize("fault", ["wrong_certificate", "expired_certificate"])
def test_a_certificate_that_is_wrong_or_expired_is_told_apart_from_a_broker_that_is_away(bench, fault):
    setattr(bench.modem.faults, fault, True)
    answer = bench.call("up")
    assert answer.fault == kinds.FAULT_CERTIFICATE
    assert answer.state == "ATTACHED"


def test_a_certificate_for_another_host_is_a_fault_of_the_certificate(bench):
    bench.broker.failure = Failure("wrong name")
    assert bench.call("up").fault == kinds.FAULT_CERTIFICATE


@pytest.mark.parametrize("kind", ["unreachable", "refused"])
def test_a_broker_that_is_away_is_a_fault_of_the_broker(bench, kind):
    bench.broker.failure = Failure(kind)
    assert bench.call("up").fault == kinds.FAULT_BROKER


def test_a_broker_that_refuses_the_log_in_is_a_fault_of_the_broker(bench):
    bench.broker.password = "another"
    answer = bench.call("up")
    assert answer.fault == kinds.FAULT_BROKER
    assert "log-in" in answer.text


def test_neither_password_nor_payload_nor_position_is_logged(bench):
    bench.broker.password = "another"
    bench.call("up")
    bench.broker.password = NETWORK["password"]
    bench.call("up")
    bench.modem.faults.publish_fails_after_idle_s = 0.001
    bench.call("publish", TOPIC, PAYLOAD)
    text = " ".join(bench.of("log"))
    assert text
    assert NETWORK["password"] not in text
    assert PAYLOAD.hex() not in text


def test_where_the_network_gives_no_time_the_devices_own_clock_checks_the_certificate(bench):
    bench.modem.faults.no_network_time = True
    assert bench.call("up").fault == kinds.FAULT_CERTIFICATE
    bench.call("set_clock", NOW_S)
    assert bench.call("up").state == "CONNECTED"


@pytest.mark.parametrize("off_s", [-400 * 86_400, 10 * 365 * 86_400])
def test_a_network_that_tells_a_wrong_time_is_not_believed_against_the_devices_own_clock(bench, off_s):
    bench.call("set_clock", NOW_S)
    assert bench.call("up").state == "CONNECTED"
    bench.modem.unix_s = lambda: NOW_S + off_s
    bench.call("recover", 4)  # the network's time is told at a start
    assert bench.call("up").state == "CONNECTED"


@pytest.mark.parametrize("payload", [bytes(range(256)) * 4, b"\r\n> \r\nOK\r\n\x1a\x1b>" * 2, b"x"])
def test_any_bytes_are_published_as_they_are(connected, payload):
    assert connected.call("publish", TOPIC, payload).fault == 0
    assert connected.broker.arrived == [(TOPIC, payload, 1, False)]


def test_what_is_published_to_our_own_topic_is_handed_over(connected):
    connected.broker.send(PAYLOAD)
    connected.call("pause", 1000)
    assert connected.of("down") == [PAYLOAD.hex()]


def test_what_comes_on_another_topic_than_our_own_is_not_taken(connected):
    connected.broker.on_message(DOWN.replace("/d/", "/d/1"), PAYLOAD)
    connected.call("pause", 1000)
    assert connected.of("down") == []


def test_a_session_that_died_unnoticed_is_found_out_by_publishing(connected):
    connected.modem.faults.publish_fails_after_idle_s = 0.001
    connected.call("pause", 1000)
    answer = connected.call("publish", TOPIC, PAYLOAD)
    assert (answer.fault, answer.state) == (kinds.FAULT_BROKER, "ATTACHED")
    assert connected.of("lost") == ["mqtt"]


def test_a_broker_that_confirms_nothing_costs_no_more_than_the_time_it_is_given(connected):
    connected.broker.silent = True
    answer = connected.call("publish", TOPIC, PAYLOAD, 9_000)
    assert answer.fault
    assert answer.took_ms <= 9_000


def test_a_log_in_that_hangs_costs_no_more_than_its_time_and_the_next_goes_well(bench):
    bench.modem.faults.connect_hangs_s = 60.0
    bench.call("start")
    bench.call("register")
    bench.call("attach")
    answer = bench.call("connect", 20_000)
    assert answer.fault == kinds.FAULT_BROKER
    assert answer.took_ms <= 20_000
    bench.modem.faults.connect_hangs_s = 0.0
    bench.call("pause", 60_000)
    assert bench.call("up").state == "CONNECTED"


def test_a_command_under_way_when_the_modem_begins_anew_ends_at_once(connected):
    connected.broker.silent = True
    connected.later(0.5, connected.modem.power.restart)
    answer = connected.call("publish", TOPIC, PAYLOAD, 25_000)
    assert answer.fault
    assert answer.took_ms < 10_000
    assert "reboot" in connected.of("lost")


def test_a_registration_lost_in_the_middle_of_publishing_is_told_of(connected):
    connected.modem.faults.lose_registration_in_publish = True
    assert connected.call("publish", TOPIC, PAYLOAD).fault
    assert connected.of("lost")
    connected.modem.faults.lose_registration_in_publish = False
    assert connected.call("deliver", TOPIC, PAYLOAD, 25_000).value >= 1


def test_two_that_ask_at_once_wait_for_one_another(connected):
    connected.call("both", ["publish", TOPIC, PAYLOAD.hex()], ["battery"], ["cell"])
    assert [payload for _, payload, _, _ in connected.broker.arrived] == [PAYLOAD]


# Satellites.


def test_satellites_and_the_network_exclude_one_another_and_each_comes_back(connected):
    answer = connected.call("gnss", True, "cold")
    assert answer.state == "GNSS"
    assert not connected.of("lost")  # we have let go of it ourselves
    connected.call("pause", 40_000)
    fix = connected.call("fix").value
    assert abs(fix["lat_e7"] - 412_649_000) < 5_000
    assert abs(fix["lon_e7"] - 19_866_000) < 5_000
    assert 5 <= fix["radius_m"] < 100
    assert abs(fix["unix_s"] - NOW_S) < 3600
    assert fix["satellites"] >= 4
    assert connected.call("gnss", False).state == "READY"
    assert connected.call("up").state == "CONNECTED"


def test_indoors_there_is_no_fix_and_that_is_no_fault(connected):
    connected.sky.indoors = True
    connected.call("gnss", True)
    connected.call("pause", 60_000)
    answer = connected.call("fix")
    assert (answer.value, answer.fault) == (None, 0)


# Assistance for satellites.

XTRA = "http://xtra.example/xtra3gr_72h.bin"
PATIENT_MS = 120_000  # nobody else wants the modem


@pytest.fixture
def assisted() -> Iterator[ModemBench]:
    with ModemBench(scale=1.0, assist_url=XTRA) as bench:
        assert bench.call("up").state == "CONNECTED"
        yield bench
        assert not bench.of("late")
        assert not bench.modem.unknown


def seconds_to_first_fix(bench: ModemBench) -> float:
    assert bench.call("gnss", True, "cold").state == "GNSS"
    began_us = bench.clock.now_us()
    while bench.call("fix").value is None:
        bench.call("pause", 500)
    assert bench.call("gnss", False).state == "READY"
    return (bench.clock.now_us() - began_us) / 1e6


def test_with_assistance_a_cold_start_is_shorter(assisted):
    unassisted_s = seconds_to_first_fix(assisted)
    assisted.call("up")
    assert assisted.call("assist", PATIENT_MS).value is True
    assert seconds_to_first_fix(assisted) < unassisted_s
    assert assisted.call("up").state == "CONNECTED"


def test_a_file_that_is_young_is_not_fetched_again_and_one_that_soon_is_too_old_is(assisted):
    def fetched():
        return assisted.said.count(b"AT+HTTPTOFS=")

    assert assisted.call("assist", PATIENT_MS).value is True
    assert assisted.call("assist", PATIENT_MS).value is True
    assert fetched() == 1
    assisted.call("pause", 47 * 3600_000)
    assisted.call("up")
    assert assisted.call("assist", PATIENT_MS).value is True
    assert fetched() == 1
    assisted.call("pause", 3 * 3600_000)
    assisted.call("up")
    assert assisted.call("assist", PATIENT_MS).value is True
    assert fetched() == 2


@pytest.mark.parametrize("fault", ["no_file", "download_hangs"])
def test_a_download_that_fails_costs_nothing_but_the_shorter_start(assisted, fault):
    setattr(assisted.modem.faults, fault, True)
    answer = assisted.call("assist", PATIENT_MS)
    assert (answer.value, answer.fault, answer.state) == (False, 0, "CONNECTED")
    assert assisted.call("publish", TOPIC, PAYLOAD).fault == 0
    assert not assisted.of("lost")
    assert 15 < seconds_to_first_fix(assisted) < 32


def test_who_wants_the_modem_during_a_download_has_it_at_once(assisted):
    assisted.modem.faults.download_hangs = True
    answer = assisted.call("assist", 700)
    assert (answer.value, answer.fault) == (False, 0)
    assert answer.took_ms < 1500
    assert assisted.call("publish", TOPIC, PAYLOAD).fault == 0


def test_a_file_of_an_earlier_time_is_no_use_and_is_replaced(assisted):
    assert assisted.call("assist", PATIENT_MS).value is True
    assisted.modem.flash["xtra_copied"] -= 80 * 3600
    assert assisted.call("assist", PATIENT_MS).value is True
    assert assisted.said.count(b"AT+HTTPTOFS=") == 2


def test_without_an_address_or_a_connection_nothing_is_asked_for(connected, assisted):
    assert connected.call("assist", PATIENT_MS).value is False
    assert not connected.said
    assisted.call("detach")
    said = len(assisted.said)
    assert assisted.call("assist", PATIENT_MS).value is False
    assert len(assisted.said) == said


# Text messages.


def test_a_text_message_is_sent_and_known_to_work_after_it(connected):
    got = []
    connected.phones.attach(HUB, lambda sender, text: got.append((sender, text)))
    assert connected.call("sms_works").value is None
    assert connected.call("send_sms", HUB, "S1 hello").fault == 0
    assert connected.call("sms_works").value is True
    connected.call("pause", 600_000)
    assert got == [(connected.identity.number, "S1 hello")]


def test_a_modem_without_text_messages_is_found_out(connected):
    connected.modem.faults.sms_absent = True
    for _ in range(2):
        assert connected.call("send_sms", HUB, "S1 hello").fault == kinds.FAULT_SMS
    assert connected.call("sms_works").value is False


def test_a_modem_that_began_anew_unseen_refuses_a_text_and_is_not_taken_for_one_without_texts(connected):
    connected.modem.faults.characters_lost = 1.0  # nothing of the boot is heard
    connected.modem.power.restart()
    connected.call("pause", 15_000)
    connected.modem.faults.characters_lost = 0.0
    assert connected.call("send_sms", HUB, "S1 hello").fault == kinds.FAULT_MODEM
    assert connected.call("sms_works").value is not False
    assert connected.call("up").state == "CONNECTED"
    assert connected.call("send_sms", HUB, "S1 hello").fault == 0


def test_off_the_air_a_refusal_says_nothing_of_text_messages_as_such(bench):
    bench.call("start")
    bench.modem.faults.no_network = True
    for _ in range(3):
        assert bench.call("send_sms", HUB, "S1 hello").fault == kinds.FAULT_SMS
    assert bench.call("sms_works").value is None


def test_a_message_that_comes_is_handed_over_and_its_place_freed(connected):
    connected.modem.sms.arrive(HUB, "S1 answer")
    connected.call("pause", 5_000)
    assert connected.of("sms") == [(HUB, "S1 answer")]
    assert not connected.modem.sms.memory


def test_messages_that_waited_are_handed_over_at_the_start_and_a_full_memory_emptied(bench):
    bench.modem.faults.sms_full = True
    bench.call("up")
    bench.call("pause", 60_000)
    assert len(bench.of("sms")) == 20
    assert not bench.modem.sms.memory


def test_a_memory_that_fills_up_without_any_news_of_it_is_emptied_all_the_same(connected):
    connected.modem.faults.sms_full = True
    assert not connected.modem.sms.arrive(HUB, "S1 answer")
    connected.call("pause", 60_000)
    assert not connected.modem.sms.memory
    assert connected.modem.sms.arrive(HUB, "S1 answer")
    connected.call("pause", 5_000)
    assert connected.of("sms")[-1] == (HUB, "S1 answer")


@pytest.mark.parametrize("text", ["OK", "RDY", "+SMSTATE: 0", "ERROR\r\nOK\r\n+CPIN: NOT READY"])
def test_a_message_that_looks_like_an_answer_upsets_nothing(connected, text):
    connected.modem.sms.arrive("+34600999999", text)
    connected.call("pause", 5_000)
    assert connected.call("publish", TOPIC, PAYLOAD).fault == 0
    assert connected.broker.arrived == [(TOPIC, PAYLOAD, 1, False)]


# All of it at random: `make soak-modem N=100000` plays as many as one likes.


def test_no_alarm_is_lost_in_hundreds_of_random_interleavings_and_nothing_takes_longer_than_it_may():
    total = modem_soak.play(seed=20261125, size=300)
    assert not total.errors
    assert total.alarms == total.interleavings == 300


def test_the_soak_notices_an_alarm_that_was_said_to_be_published_and_never_arrived():
    run = modem_soak.Run(seed=1, size=1)
    run.bench.broker.publish = lambda topic, payload, qos, retain, done: done(True)
    (error,) = run.play().errors
    assert "never arrived" in error


def test_memory_is_bounded_over_a_hundred_alarms(connected):
    connected.call("deliver", TOPIC, PAYLOAD, 25_000)
    before = connected.call("heap").value
    for _ in range(100):
        connected.broker.send(PAYLOAD)
        connected.call("deliver", TOPIC, PAYLOAD, 25_000)
    assert connected.call("heap").value <= before + 512
