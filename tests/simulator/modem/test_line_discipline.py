"""How command lines are read and answered: joined, too long, too early, wrong; echo, error forms, speeds."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from modem_bench import Bench

from simulator.chips.sim7080g.delays import rows
from simulator.chips.sim7080g.modem import table


def test_every_form_of_every_command_says_where_it_is_from():
    assert len(table()) > 100
    assert not [
        entry
        for entry in table()
        if len(entry.source) < 6 or entry.form not in ("run", "read", "test", "set")
    ]


def test_every_delay_has_a_source_and_is_in_order():
    for name, row in rows().items():
        assert row.low_ms <= row.likely_ms <= row.high_ms and len(row.source) > 20, name


def test_an_unknown_command_is_an_error_and_is_recorded(bench):
    assert bench.ask("AT+CESQ") == "ERROR"
    assert bench.ask('AT+SAPBR=3,1,"APN","x"') == "ERROR"
    assert bench.modem.unknown == ["+CESQ", '+SAPBR=3,1,"APN","x"']


@pytest.mark.parametrize(
    ("mode", "answer"), [(0, "ERROR"), (1, "+CME ERROR: 3"), (2, "+CME ERROR: operation not allowed")]
)
def test_errors_in_the_form_that_was_asked_for(bench, mode, answer):
    bench.ask(f"AT+CMEE={mode}")
    assert bench.ask("AT+SMDISC") == answer


def test_joined_commands_have_one_result_and_end_at_the_first_error(online):
    assert online.ask("AT+CSQ;+CMGF=1;+CMGF?") == "+CSQ: 18,99|+CMGF: 1|OK"
    assert online.ask("AT+CMGF=0;+SMDISC;+CMGF=1") == "+CME ERROR: operation not allowed"
    assert online.ask("AT+CMGF?") == "+CMGF: 0|OK"
    assert online.ask("ATE0V1Q0+CSQ"[:8]) == "OK"


def test_a_line_of_559_characters_is_taken_and_a_longer_one_is_not(bench):
    def line(length):
        return 'AT+SMCONF="PASSWORD","' + "x" * (length - 23) + '"'

    assert len(line(500)) == 500
    assert bench.ask(line(500)) == "OK"
    long = "AT" + ";".join(["+CSQ"] * 39)
    assert bench.ask(long).endswith("OK")
    assert bench.ask(long + ";+CSQ") == "ERROR"
    assert bench.ask("AT+CSQ" + " " * 554) == "ERROR"


def test_what_is_sent_too_early_is_answered_later(online):
    bench = Bench(scale=1.0).boot()
    bench.modem.receive(b"AT+CSQ\rAT+CBC\r")
    bench.clock.run(3)
    heard = bench.take().decode()
    assert heard.index("+CSQ") < heard.index("OK") < heard.index("+CBC")


def test_noise_before_at_is_skipped_and_a_line_without_it_has_no_answer(bench):
    assert bench.ask("\x00\xff~AT+CBC").startswith("+CBC")
    assert bench.say("hello") == ""
    assert bench.ask("AT") == "OK"


def test_auto_detection_loses_the_first_line_and_prints_no_rdy():
    bench = Bench()
    bench.modem.rail(True)
    bench.clock.run(1)
    bench.press()
    bench.clock.run(10)
    assert bench.take() == b""
    assert bench.say("AT") == ""
    assert bench.say("AT") == "AT\r\r\nOK\r\n"


def test_a_fixed_speed_prints_the_boot_in_order_and_survives_power_off():
    bench = Bench().boot()
    bench.ask("AT+IPR=115200")
    bench.modem.rail(False)
    bench.modem.rail(True)
    bench.press()
    bench.clock.run(10)
    lines = [line for line in bench.take().decode().split("\r\n") if line]
    assert lines == ["RDY", "+CFUN: 1", "+CPIN: READY", "SMS Ready"]


def test_another_speed_than_the_hosts_is_garbage_both_ways():
    bench = Bench().boot()
    assert bench.ask("AT+IPR=9600") == "OK"
    assert bench.say("AT") == ""
    bench.modem.host_baud = 9600
    assert bench.ask("AT") == "OK"


def test_payload_is_counted_in_bytes_and_echoed(online):
    online.ask('AT+SMCONF="URL","b",1883')
    online.ask("AT+SMCONN")
    online.ask("ATE1")
    payload = b'\r\nAT+CSQ\r"\x1a\x00' + bytes(range(200))
    online.prompt(f'AT+SMPUB="t",{len(payload)},1,0')
    online.modem.receive(payload + b"AT+CBC\r")
    online.clock.run(1)
    heard = online.take()
    assert heard.startswith(payload + b"\r\nOK\r\n")
    assert b"+CBC: " in heard
    assert online.line.published[-1][1] == payload


def test_too_few_bytes_leave_the_modem_waiting_unless_a_limit_is_set(online):
    online.ask('AT+SMCONF="URL","b",1883')
    online.ask("AT+SMCONN")
    online.prompt('AT+SMPUB="t",10,1,0')
    assert online.say("AT", 600) == ""
    assert online.data(b"1234567") == "OK"
    online.modem.prompt_timeout_s = 5
    online.prompt('AT+SMPUB="t",10,1,0')
    assert "ERROR" in online.say("AT", 10)


def test_the_uart_takes_its_time_at_115200_and_none_at_scale_zero():
    for scale, least_us, most_us in ((1.0, 30 * 86, 330_000), (0.0, 0, 0)):
        bench = Bench(scale=scale).boot()
        start = bench.clock.now_us()
        bench.ask("AT+CBC")
        assert least_us <= bench.clock.now_us() - start <= most_us


ENTRIES = st.sampled_from(table())
VALUES = ["0", "1", "2", "5", "99999999999", '"x"', '"URL"', '"ca.crt"', "", "-1", "1e3", '"²"']
PIECES = st.one_of(
    st.binary(max_size=40),
    ENTRIES.map(lambda entry: f"AT{entry.name}".encode()),
    st.sampled_from([b"\r", b"\n", b"=", b"?", b"=?", b",", b'"', b";", b"\x1a", b"\x1b", b"1", b"0", b"3"]),
    st.builds(
        lambda entry, arguments: f"AT{entry.name}={','.join(arguments)}\r".encode("latin-1"),
        ENTRIES,
        st.lists(st.sampled_from(VALUES), max_size=6),
    ),
    ENTRIES.map(lambda entry: f"AT{entry.name}?\rAT{entry.name}=?\rAT{entry.name}\r".encode()),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(PIECES, max_size=30), st.booleans(), st.sampled_from([0.0, 0.05]))
def test_no_sequence_of_bytes_makes_it_raise(pieces, connected, share):
    bench = Bench().boot()
    if connected:
        bench.connect()
    faults = bench.modem.faults
    faults.characters_lost = faults.urc_in_answers = faults.reboots = share
    for piece in pieces:
        bench.modem.receive(piece)
        bench.clock.run(0.2)
    bench.clock.run(200)
    faults.clear()
    bench.modem.rail(False)
    bench.modem.flash.clear()  # the bytes may have set a speed, or flight mode
    assert bench.boot().ask("AT") == "OK"
