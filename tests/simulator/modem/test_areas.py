"""SIM, files, TLS contexts, MQTT's limits, satellites, texts: what each area refuses and what it keeps."""

import random

import pytest
from modem_bench import Bench

from simulator.chips.sim7080g import Failure, line
from simulator.chips.sim7080g.gnss import SHARED
from simulator.world.sky import Sky

NOT_ALLOWED = "+CME ERROR: operation not allowed"
PEM = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


# SIM.


def test_a_sim_with_a_pin_wants_it_and_locks_after_three_wrong_ones():
    bench = Bench(pin="1234").boot()
    assert bench.ask("AT+CPIN?") == "+CPIN: SIM PIN|OK"
    assert bench.ask("AT+CIMI") == "+CME ERROR: SIM PIN required"
    assert bench.ask("AT+SPIC") == "+SPIC: 3,10,3,10|OK"
    bench.clock.run(60)
    assert not bench.modem.radio.on_air
    assert bench.ask('AT+CPIN="0000"') == "+CME ERROR: incorrect password"
    assert bench.say("AT+CPIN=1234") == "\r\nOK\r\n\r\n+CPIN: READY\r\n"
    bench.clock.until(lambda: bench.modem.radio.on_air)
    bench.ask("AT+CREBOOT")
    bench.clock.run(10)
    bench.say("AT")
    bench.ask("ATE0;+CMEE=2")
    for _ in range(3):
        bench.ask('AT+CPIN="0000"')
    assert bench.ask("AT+CPIN?") == "+CPIN: SIM PUK|OK"
    assert bench.ask('AT+CPIN="12345678","4321"').startswith("OK")


def test_cnact_needs_the_network_and_a_context_that_is_not_active(online):
    assert online.ask("AT+CNACT=0,1") == NOT_ALLOWED
    online.ask("AT+CNACT=0,0")
    assert online.ask("AT+CNACT=0,0") == NOT_ALLOWED
    online.ask("AT+CFUN=0")
    assert online.ask("AT+CNACT=0,1") == "+CME ERROR: CFUN state is 0 or 4"


def test_a_wrong_apn_gets_no_address(bench):
    bench.modem.cell.apn = "right.apn"
    bench.clock.until(lambda: bench.modem.radio.on_air)
    bench.ask('AT+CNCFG=0,1,"wrong.apn"')
    assert bench.say("AT+CNACT=0,1") == "\r\nOK\r\n\r\n+APP PDP: 0,DEACTIVE\r\n"
    bench.ask('AT+CNCFG=0,1,"right.apn"')
    assert "0,ACTIVE" in bench.say("AT+CNACT=0,1")


# Files and TLS.


def test_files_want_an_open_system_that_is_opened_once(bench):
    assert bench.ask('AT+CFSGFIS=3,"a"') == NOT_ALLOWED
    assert bench.ask("AT+CFSTERM") == NOT_ALLOWED
    assert bench.ask("AT+CFSINIT") == "OK"
    assert bench.ask("AT+CFSINIT") == NOT_ALLOWED
    assert bench.ask('AT+CFSGFIS=3,"a"') == NOT_ALLOWED
    assert bench.ask("AT+CFSTERM") == "OK"


def upload(bench, name, data, mode=0):
    bench.prompt(f'AT+CFSWFILE=3,"{name}",{mode},{len(data)},1000')
    return bench.data(data)


def test_a_file_survives_power_off_can_grow_be_read_renamed_and_deleted(bench):
    bench.ask("AT+CFSINIT")
    assert upload(bench, "a", b"12345") == "OK"
    assert upload(bench, "a", b"678", mode=1) == "OK"
    bench.modem.rail(False)
    bench.boot()
    bench.ask("AT+CFSINIT")
    assert bench.ask('AT+CFSRFILE=3,"a",0,100,0') == "+CFSRFILE: 8|12345678|OK"
    assert bench.ask('AT+CFSREN=3,"a","b"') == "OK"
    assert bench.ask('AT+CFSDFILE=3,"a"') == NOT_ALLOWED
    assert bench.ask('AT+CFSDFILE=3,"b"') == "OK"


def test_an_upload_that_is_too_slow_is_an_error_and_leaves_no_file(bench):
    bench.ask("AT+CFSINIT")
    upload(bench, "a", b"12345")
    bench.prompt('AT+CFSWFILE=3,"a",0,10,1000')
    bench.modem.receive(b"123")
    bench.clock.run(2)
    assert b"ERROR" in bench.take()
    assert bench.ask('AT+CFSGFIS=3,"a"') == NOT_ALLOWED


@pytest.mark.parametrize("command", ["0,10,99", "0,0,1000", "0,10241,1000", "2,10,1000", "0,10,10001"])
def test_sizes_and_times_outside_the_manuals_limits_are_refused(bench, command):
    bench.ask("AT+CFSINIT")
    assert bench.ask(f'AT+CFSWFILE=3,"a",{command}').startswith("+CME ERROR")


def test_only_a_converted_authority_can_be_used_and_it_must_be_a_certificate(bench):
    bench.ask("AT+CFSINIT")
    upload(bench, "ca.crt", PEM)
    upload(bench, "bad.crt", b"x")
    assert bench.ask('AT+SMSSL=1,"ca.crt",""') == NOT_ALLOWED
    assert bench.ask('AT+CSSLCFG="CONVERT",2,"bad.crt"') == NOT_ALLOWED
    assert bench.ask('AT+CSSLCFG="CONVERT",2,"absent"') == NOT_ALLOWED
    assert bench.ask('AT+CSSLCFG="convert",2,"ca.crt"') == "OK"
    assert bench.ask('AT+SMSSL=1,"ca.crt",""') == "OK"
    assert bench.ask("AT+SMSSL?") == '+SMSSL: 1,"ca.crt",""|OK'


def test_the_context_is_printed_as_it_was_set(bench):
    bench.ask('AT+CSSLCFG="SSLVERSION",2,3;+CSSLCFG="SNI",2,"b.example";+CSSLCFG="IGNORERTCTIME",2,1')
    bench.ask('AT+CSSLCFG="CIPHERSUITE",2,0,0xC02F')
    assert bench.ask('AT+CSSLCFG="CTXINDEX",2') == (
        '+CSSLCFG: 2,3,0xC02F,0x0000,0x0000,0x0000,0x0000,0x0000,0x0000,0x0000,1,1,"b.example"|OK'
    )
    assert bench.ask("AT+CSSLCFG?") == "OK"


def with_authority(bench, **clock):
    bench.ask("AT+CFSINIT")
    upload(bench, "ca.crt", PEM)
    bench.ask("AT+CFSTERM")
    bench.ask('AT+CSSLCFG="CONVERT",2,"ca.crt"')
    bench.ask('AT+SMSSL=1,"ca.crt","";+SMCONF="URL","broker.example",8883')
    return bench


def test_the_line_is_given_the_modems_clock_wrong_or_right(online):
    with_authority(online)
    online.ask("AT+SMCONN")
    assert online.line.wanted[-1].now < 400_000_000, "1980"
    online.ask("AT+SMDISC")
    online.ask('AT+CCLK="26/09/21,16:00:00+08"')
    online.ask("AT+SMCONN")
    assert abs(online.line.wanted[-1].now - 1_789_999_200) < 60


# MQTT.


def test_mqtt_wants_an_address_a_url_and_no_connection_yet(bench):
    assert bench.ask('AT+SMCONF="URL","b",1883;+SMCONN') == NOT_ALLOWED
    bench.attach()
    assert bench.ask('AT+SMPUB="t",1,1,0') == NOT_ALLOWED
    assert bench.ask("AT+SMCONN") == "OK"
    assert bench.ask("AT+SMSTATE?") == "+SMSTATE: 1|OK"
    assert bench.ask("AT+SMCONN") == NOT_ALLOWED
    assert bench.ask("AT+SMDISC") == "OK"
    assert bench.ask("AT+SMDISC") == NOT_ALLOWED


@pytest.mark.parametrize(
    "command", ['"t",1025,1,0', f'"{"t" * 129}",1,1,0', '"",1,1,0', '"t",1,3,0', '"t",1,1,2']
)
def test_what_goes_beyond_the_limits_of_smpub_is_refused(online, command):
    online.ask('AT+SMCONF="URL","b",1883;+SMCONN')
    assert online.ask("AT+SMPUB=" + command).startswith("+CME ERROR")


def test_settings_beyond_their_limits_are_refused(bench):
    for setting in (
        f'"CLIENTID","{"x" * 129}"',
        '"KEEPTIME",65536',
        '"CLEANSS",2',
        f'"USERNAME","{"x" * 257}"',
    ):
        assert bench.ask("AT+SMCONF=" + setting).startswith("+CME ERROR")
    assert bench.ask('AT+SMCONF="PDPIDX",1') == NOT_ALLOWED


def test_the_will_travels_to_the_line(online):
    online.ask('AT+SMCONF="URL","b",1883;+SMCONF="TOPIC","gone";+SMCONF="MESSAGE","1";+SMCONF="QOS",1')
    online.ask("AT+SMCONN")
    assert online.line.wanted[-1].will == ("gone", b"1", 1, False)


def test_a_received_payload_is_printed_raw_or_in_hex(online):
    online.ask('AT+SMCONF="URL","b",1883;+SMCONN')
    online.line.on_message("t", b'a"\r\n\x00')
    online.clock.run(1)
    assert online.take() == b'\r\n+SMSUB: "t","a"\r\n\x00"\r\n'
    online.ask('AT+SMCONF="SUBHEX",1')
    online.line.on_message("t", b'a"\r\n\x00')
    online.clock.run(1)
    assert online.take() == b'\r\n+SMSUB: "t","61220D0A00"\r\n'


@pytest.mark.parametrize("digits", [True, False])
def test_smpubhex_counts_digits_or_bytes_as_it_is_set(online, digits):
    online.modem.mqtt.hex_len_counts_digits = digits
    online.ask('AT+SMCONF="URL","b",1883;+SMCONN')
    online.ask("AT+SMPUBHEX=1")
    online.prompt(f'AT+SMPUB="t",{6 if digits else 3},1,0')
    assert online.data(b"00ff0D") == "OK"
    assert online.line.published[-1][1] == b"\x00\xff\r"


def test_a_connection_the_broker_ends_is_told_once(online):
    online.ask('AT+SMCONF="URL","b",1883;+SMCONN')
    online.line.on_lost()
    online.line.on_lost()
    online.clock.run(1)
    assert online.take() == b"\r\n+SMSTATE: 0\r\n"
    assert online.ask("AT+SMSTATE?") == "+SMSTATE: 0|OK"


def test_a_publish_that_runs_when_the_connection_ends_is_an_error_after_the_news(online):
    online.ask('AT+SMCONF="URL","b",1883;+SMCONN')
    online.line.silent = True
    online.prompt('AT+SMPUB="t",1,1,0')
    online.modem.receive(b"x")
    online.clock.run(1)
    assert online.take() == b""
    online.line.on_lost()
    online.clock.run(1)
    assert online.take() == b"\r\n+SMSTATE: 0\r\n\r\n+CME ERROR: operation not allowed\r\n"


@pytest.mark.parametrize(
    ("kind", "result"),
    [
        (line.REFUSED, 23),
        (line.EXPIRED, 24),
        (line.WRONG_NAME, 25),
        (line.UNTRUSTED, 27),
        (line.UNREACHABLE, 27),
    ],
)
def test_caopen_tells_what_smconn_does_not(online, kind, result):
    online.line.failure = Failure(kind)
    online.ask('AT+SMCONF="URL","b",8883')
    assert online.ask("AT+SMCONN") == NOT_ALLOWED
    assert online.ask('AT+CAOPEN=0,0,"TCP","b",8883') == f"+CAOPEN: 0,{result}|OK"
    assert online.ask("AT+CACLOSE=0") == NOT_ALLOWED


def test_caopen_opens_plainly_or_with_a_context_and_needs_an_address(online):
    with_authority(online)
    online.ask('AT+CSSLCFG="SNI",3,"b.example"')
    online.ask('AT+CACID=0;+CASSLCFG=0,"SSL",1;+CASSLCFG=0,"CRINDEX",3;+CASSLCFG=0,"CACERT","ca.crt"')
    assert online.ask('AT+CAOPEN=0,0,"TCP","b",8883') == "+CAOPEN: 0,0|OK"
    want = online.line.wanted[-1]
    assert (want.tls, want.ca_pem, want.sni) == (True, PEM, "b.example")
    assert online.ask("AT+CASTATE?") == "+CASTATE: 0,1|OK"
    assert online.ask("AT+CACLOSE=0") == "OK"
    online.ask('AT+CASSLCFG=0,"SSL",0')
    assert online.ask('AT+CAOPEN=0,0,"TCP","b",8883') == "+CAOPEN: 0,0|OK"
    assert not online.line.wanted[-1].tls
    assert "+CASTATE: 0,0" in online.say("AT+CNACT=0,0")
    assert online.ask('AT+CAOPEN=0,0,"TCP","b",8883') == "+CAOPEN: 0,1|OK"


# Satellites.


def looking(scale=1.0):
    bench = Bench(scale=scale).boot()
    bench.modem.antenna(True)
    bench.ask("AT+CFUN=0")
    bench.ask("AT+CGNSPWR=1")
    return bench


def has_fix(bench):
    return bench.ask("AT+CGNSINF").startswith("+CGNSINF: 1,1,")


def seconds_to_fix(bench):
    start = bench.clock.now_us()
    while not has_fix(bench):
        assert bench.clock.now_us() - start < 600e6, "no fix in ten minutes"
        bench.clock.run(0.5)
    return (bench.clock.now_us() - start) / 1e6


def test_a_cold_start_takes_half_a_minute_and_the_next_start_is_hot():
    bench = looking()
    assert 15 < seconds_to_fix(bench) < 32
    bench.ask("AT+CGNSPWR=0")
    bench.ask("AT+CGNSPWR=1")
    assert seconds_to_fix(bench) < 3
    bench.ask("AT+CGNSCOLD")
    assert 15 < seconds_to_fix(bench) < 32
    bench.ask("AT+CGNSWARM")
    assert 12 < seconds_to_fix(bench) < 30
    bench.modem.rail(False)
    bench.boot()
    bench.ask("AT+CFUN=0;+CGNSPWR=1")
    assert 15 < seconds_to_fix(bench) < 32, "what it knew went with the supply"


def test_there_is_no_fix_indoors_nor_without_the_antennas_rail_nor_beside_lte():
    bench = looking(scale=0.0)
    assert has_fix(bench)
    bench.sky.indoors = True
    assert not has_fix(bench)
    bench.sky.indoors = False
    bench.modem.antenna(False)
    assert not has_fix(bench)
    bench.modem.antenna(True)
    bench.ask("AT+CFUN=1")
    bench.clock.run(60)
    assert not has_fix(bench), "the radio has the receiver"
    assert bench.ask("AT+CGNSPWR?") == "+CGNSPWR: 1|OK", "and the modem does not say so"
    bench.modem.gnss.sharing = SHARED
    assert has_fix(bench)


def test_a_file_of_assistance_makes_a_cold_start_short_while_it_is_young_and_the_clock_is_right():
    bench = Bench(scale=1.0).boot()
    bench.modem.antenna(True)
    assert bench.ask("AT+CGNSCPY") == "+CGNSCPY: 1|OK"
    assert bench.ask("AT+CGNSXTRA=1") == NOT_ALLOWED
    bench.attach()
    assert bench.ask('AT+HTTPTOFS="http://xtra.example/xtra3gr_72h.bin","/customer/Xtra3.bin"') == "OK"
    bench.clock.until(lambda: b"+HTTPTOFS: 200," in bench.heard)
    assert bench.ask("AT+CGNSCPY") == "+CGNSCPY: 0|OK"
    assert bench.ask("AT+CGNSXTRA=1") == NOT_ALLOWED, "by its clock it is 1980"
    bench.modem.clock.set(bench.modem.unix_s(), 4)
    assert bench.ask("AT+CGNSXTRA=1") == "OK"
    bench.ask("AT+CFUN=0;+CGNSPWR=1;+CGNSCOLD")
    bench.clock.run(1)
    assert seconds_to_fix(bench) < 13
    bench.clock.run(73 * 3600)
    bench.take()
    assert "+CGNSXTRA: 2" in bench.say("AT+CGNSCOLD")
    assert 15 < seconds_to_fix(bench) < 32


def test_a_receiver_that_is_off_has_eighteen_fields_too(bench):
    assert bench.ask("AT+CGNSINF").removesuffix("|OK").count(",") == 17


def test_only_one_system_beside_gps(bench):
    assert bench.ask("AT+CGNSMOD=1,1,0,1,0").startswith("+CME ERROR")
    assert bench.ask("AT+CGNSMOD=1,0,0,1,0;+CGNSMOD?") == "+CGNSMOD: 1,0,0,1,0|OK"


def test_back_on_air_takes_five_to_forty_seconds():
    bench = looking()
    bench.ask("AT+CGNSPWR=0")
    start = bench.clock.now_us()
    bench.ask("AT+CFUN=1")
    bench.clock.until(lambda: bench.modem.radio.on_air)
    assert 5e6 < bench.clock.now_us() - start < 43e6


def test_the_sky_follows_the_wearer_with_noise_of_some_metres():
    sky = Sky(random.Random(7), 41.0, 2.0)
    sky.go(100_000_000, 41.0, 2.0)
    sky.go(200_000_000, 41.001, 2.0)
    assert sky.place(150_000_000) == (41.0005, 2.0)
    errors = []
    for second in range(200, 400):
        fix = sky.fix_at(second * 1_000_000)
        assert fix and fix.satellites >= 4
        errors.append(abs(fix.latitude - 41.001) * 111_320)
    assert 0.5 < sum(errors) / len(errors) < 10
    walking = sky.fix_at(150_000_000)
    assert walking and 3.5 < walking.speed_kmh < 4.5 and walking.course < 1
    assert sky.fix_at(150_000_000) == walking
    sky.indoors = True
    assert not any(sky.fix_at(second * 1_000_000) for second in range(200))


# Text messages.


def test_the_text_mode_is_wanted_and_the_text_is_short(online):
    assert online.ask('AT+CMGS="+34600111222"') == "+CMS ERROR: 302"
    online.ask("AT+CMGF=1")
    online.prompt('AT+CMGS="+34600111222"')
    assert online.data(b"x" * 161 + b"\x1a") == "+CMS ERROR: 304"
    online.prompt('AT+CMGS="+34600111222"')
    assert online.data(b"never mind\x1b") == "OK"
    assert online.post.sent == []


def test_the_list_shows_each_state_and_reading_changes_it(online):
    online.ask("AT+CMGF=1")
    receive = online.post.phones[online.modem.identity.number]
    receive("+34600111222", "one")
    receive("+34600111222", "two")
    online.clock.run(1)
    online.ask("AT+CMGR=0")
    assert online.ask('AT+CMGL="REC UNREAD"').startswith('+CMGL: 1,"REC UNREAD"')
    assert online.ask('AT+CMGL="ALL"').count("+CMGL:") == 2
    assert online.ask("AT+CPMS?") == '+CPMS: "SM",2,20,"SM",2,20,"SM",2,20|OK'
    assert online.ask("AT+CMGD=,4") == "OK"
    assert online.ask('AT+CMGL="ALL"') == "OK"


def test_ucs2_is_hex_both_ways(online):
    online.ask('AT+CMGF=1;+CSCS="UCS2"')
    online.prompt('AT+CMGS="002B00330034"')
    assert online.data(b"00E10078\x1a").endswith("OK")
    assert online.post.sent[-1][1:] == ("+34", "áx")


def test_off_the_air_a_text_is_left_with_the_centre(online):
    online.ask("AT+CFUN=0")
    assert online.post.phones[online.modem.identity.number]("+34600111222", "later") is False
