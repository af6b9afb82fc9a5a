"""Rail, key, boot, restart, sleep: what the modem does with its supply, and what the meter is told."""

from modem_bench import Bench

KEPT = (
    "AT+IPR=115200",
    "AT+CNMP=38",
    "AT+CMNB=1",
    'AT+CGDCONT=1,"IP","old.apn"',
    "AT+CSCLK=1",
    "AT+CBATCHK=1",
)


def on_load(bench):
    """Return the one load that is on; there is always exactly one."""
    loads = set()
    for load, on in bench.loads:
        (loads.add if on else loads.remove)(load)
    [load] = loads
    return load


def test_a_short_press_does_nothing_and_a_second_switches_on():
    bench = Bench()
    bench.modem.rail(True)
    bench.press(0.9)
    bench.clock.run(10)
    assert not bench.modem.awake
    bench.press(1.0)
    bench.clock.run(10)
    assert bench.modem.awake


def test_without_the_rail_the_key_is_dead():
    bench = Bench()
    bench.press()
    bench.clock.run(10)
    assert not bench.modem.awake


def test_the_key_is_a_toggle_and_switches_a_running_modem_off(bench):
    bench.press(1.1)
    bench.clock.run(1)
    assert bench.modem.awake, "1.2 s it takes"
    bench.press(1.3)
    bench.clock.run(5)
    assert b"NORMAL POWER DOWN" in bench.take()
    assert not bench.modem.awake and bench.say("AT") == ""


def test_a_key_held_for_a_quarter_of_a_minute_resets(bench):
    bench.ask("AT+IPR=115200")
    bench.press(16)
    bench.clock.run(10)
    assert b"RDY" in bench.take()


def test_the_modelled_boot_takes_the_time_the_hardware_design_states():
    bench = Bench(scale=1.0)
    bench.modem.flash["ipr"] = 115200
    bench.modem.rail(True)
    start = bench.clock.now_us()
    bench.press(1.2)
    bench.clock.until(lambda: b"RDY" in bench.heard)
    assert 3_500_000 <= bench.clock.now_us() - start <= 6_100_000
    bench.clock.until(lambda: b"SMS Ready" in bench.heard)


def test_cpowd_answers_normal_power_down_and_no_ok(bench):
    assert bench.say("AT+CPOWD=1", 5) == "\r\nNORMAL POWER DOWN\r\n"
    assert not bench.modem.awake
    assert on_load(bench) == "modem_off"
    bench.boot()
    assert bench.say("AT+CPOWD=0", 5) == ""
    assert not bench.modem.awake


def test_a_press_sooner_than_two_seconds_after_power_off_is_lost():
    bench = Bench(scale=1.0).boot()
    bench.say("AT+CPOWD=1")
    bench.clock.until(lambda: bench.modem.power.state == "off")
    bench.press(1.2)
    bench.clock.run(10)
    assert not bench.modem.awake
    bench.press(1.2)
    bench.clock.run(10)
    assert bench.modem.awake


def test_creboot_and_cfun_6_and_cfun_1_1_say_ok_and_boot(bench):
    bench.ask("AT+IPR=115200")
    for command in ("AT+CREBOOT", "AT+CFUN=6", "AT+CFUN=1,1"):
        said = bench.say(command, 20)
        assert said.index("OK") < said.index("RDY") < said.index("SMS Ready"), command


def test_what_saves_itself_survives_power_off_and_what_does_not_is_gone(bench):
    for command in KEPT:
        assert bench.ask(command) == "OK"
    bench.ask(
        'AT+CMEE=1;+CMGF=1;+CSCS="UCS2";+CEREG=2;+CNCFG=0,1,"x";+SMCONF="KEEPTIME",5;+CSSLCFG="SNI",0,"b"'
    )
    bench.modem.rail(False)
    bench.modem.rail(True)
    bench.press()
    bench.clock.run(10)
    bench.ask("ATE0")
    assert bench.ask("AT+IPR?;+CNMP?;+CMNB?;+CSCLK?;+CBATCHK?") == (
        "+IPR: 115200|+CNMP: 38|+CMNB: 1|+CSCLK: 1|+CBATCHK: 1|OK"
    )
    assert "old.apn" in bench.ask("AT+CGDCONT?")
    assert bench.ask("AT+CMEE?;+CMGF?;+CSCS?") == '+CMEE: 0|+CMGF: 0|+CSCS: "IRA"|OK'
    assert bench.ask("AT+CNCFG?").startswith('+CNCFG: 0,0,"","","",0')
    assert "KEEPTIME: 60" in bench.ask("AT+SMCONF?")
    assert bench.ask('AT+CSSLCFG="CTXINDEX",0').endswith(',0,1,""|OK')


def test_flight_mode_is_kept_over_a_boot_minimum_and_offline_are_not(bench):
    for level, after in ((4, 4), (1, 1), (0, 1), (7, 1)):
        bench.ask(f"AT+CFUN={level}")
        bench.ask("AT+CREBOOT")
        bench.clock.run(10)
        bench.say("AT")
        bench.ask("ATE0")
        assert bench.ask("AT+CFUN?") == f"+CFUN: {after}|OK", level


def test_offline_is_left_only_by_a_reset(bench):
    assert bench.ask("AT+CFUN=7") == "OK"
    assert bench.ask("AT+CFUN=1") == "+CME ERROR: operation not allowed"
    assert bench.ask("AT+CFUN=6") == "OK"
    bench.clock.run(10)
    bench.say("AT")
    bench.ask("ATE0")
    assert bench.ask("AT+CFUN?") == "+CFUN: 1|OK"


def test_minimum_function_says_cpin_not_ready_before_its_ok(bench):
    assert bench.say("AT+CFUN=0") == "\r\n+CPIN: NOT READY\r\n\r\nOK\r\n"
    assert bench.say("AT+CFUN=1") == "\r\nOK\r\n\r\n+CPIN: READY\r\n"


def test_a_high_dtr_puts_it_to_sleep_deaf_and_a_low_one_wakes_it():
    bench = Bench(scale=1.0).boot()
    bench.modem.dtr(True)
    bench.clock.run(10)
    assert bench.ask("AT") == "OK", "not without CSCLK"
    bench.ask("AT+CSCLK=1")
    bench.clock.run(10)
    assert on_load(bench) == "modem_sleep"
    assert bench.say("AT") == ""
    bench.modem.dtr(False)
    assert bench.say("AT", 0.02) == "", "not before 50 ms"
    bench.clock.run(0.2)
    assert bench.ask("AT") == "OK"


def test_an_open_mqtt_session_keeps_it_awake(online):
    online.ask('AT+SMCONF="URL","b",1883;+CSCLK=1')
    online.ask("AT+SMCONN")
    online.modem.dtr(True)
    online.clock.run(60)
    assert online.ask("AT") == "OK"
    online.ask("AT+SMDISC")
    online.clock.run(60)
    assert online.say("AT") == ""


def test_power_saving_takes_the_uart_away_until_the_key_or_the_timer():
    bench = Bench().boot()
    bench.clock.until(lambda: bench.modem.radio.on_air)
    bench.ask("AT+IPR=115200;+CPSMSTATUS=1")
    # T3412 one hour, T3324 ten seconds.
    bench.ask('AT+CPSMS=1,,,"00100001","00000101"')
    bench.clock.run(12)
    assert b'+CPSMSTATUS: "ENTER PSM"' in bench.take()
    assert on_load(bench) == "modem_psm" and bench.say("AT") == ""
    bench.press()
    bench.clock.run(5)
    assert b"RDY" in bench.take()
    bench.clock.run(60)
    assert on_load(bench) == "modem_psm"
    bench.take()
    bench.clock.run(3700)
    assert b"RDY" in bench.take()


def test_a_sinking_supply_is_told_in_the_modems_own_spelling(bench):
    bench.ask("AT+CBATCHK=1")
    bench.modem.general.supply(3150)
    bench.clock.run(1)
    assert bench.take() == b"\r\nUNDER-VOLTAGE WARNNING\r\n"
    bench.modem.general.supply(2950)
    bench.clock.run(5)
    assert bench.take() == b"\r\nUNDER-VOLTAGE POWER DOWN\r\n"
    assert not bench.modem.awake


def test_the_meter_hears_one_state_at_a_time_through_a_whole_life():
    bench = Bench(scale=1.0).boot()
    assert on_load(bench) == "modem_search"
    bench.connect()
    assert on_load(bench) == "modem_idle"
    bench.prompt('AT+SMPUB="t",1,1,0')
    bench.modem.receive(b"x")
    bench.clock.until(lambda: on_load(bench) == "modem_transmit")
    bench.clock.until(lambda: on_load(bench) == "modem_idle")
    bench.ask("AT+CFUN=0")
    bench.ask("AT+CGNSPWR=1")
    assert on_load(bench) == "modem_gnss"
    bench.ask("AT+CGNSPWR=0")
    assert on_load(bench) == "modem_idle"
    bench.modem.rail(False)
    assert on_load(bench) == "modem_off"
