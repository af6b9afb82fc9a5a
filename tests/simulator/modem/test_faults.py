"""Every misbehaviour on demand, one after the other, and that it ends when it is told to."""

import pytest
from modem_bench import Bench
from test_areas import NOT_ALLOWED, with_authority

from simulator.chips.sim7080g import Faults


def publish(bench, payload=b"alarm"):
    bench.prompt(f'AT+SMPUB="t",{len(payload)},1,0')
    return bench.data(payload)


@pytest.fixture
def connected(online):
    online.ask('AT+SMCONF="URL","broker.example",1883')
    assert online.ask("AT+SMCONN") == "OK"
    return online


def test_no_sim():
    bench = Bench()
    bench.modem.faults.no_sim = True
    bench.modem.flash["ipr"] = 115200
    bench.modem.rail(True)
    bench.press()
    bench.clock.run(10)
    assert b"+CPIN: NOT INSERTED" in bench.take()
    bench.ask("ATE0;+CMEE=2")
    for command in ("AT+CPIN?", "AT+CIMI", "AT+CCID"):
        assert bench.ask(command) == "+CME ERROR: SIM not inserted"
    bench.ask("AT+CMEE=1")
    assert bench.ask("AT+CIMI") == "+CME ERROR: 10"
    assert bench.ask("AT+CEREG?") == "+CEREG: 0,0|OK"


def test_no_network_and_then_one(online):
    online.ask("AT+CEREG=1")
    online.modem.faults.no_network = True
    online.clock.run(30)
    said = online.take().decode()
    assert "+CEREG: 2" in said and "+APP PDP: 0,DEACTIVE" in said
    assert online.ask("AT+CNACT=0,1") == "+CME ERROR: no network service"
    online.clock.run(3600)
    assert online.ask("AT+CEREG?") == "+CEREG: 1,2|OK"
    online.modem.faults.no_network = False
    online.clock.run(60)
    assert "+CEREG: 1" in online.take().decode()


def test_registration_denied(online):
    online.modem.faults.denied = True
    online.clock.run(60)
    assert online.ask("AT+CEREG?").endswith("+CEREG: 0,3|OK")
    online.modem.faults.denied = False
    online.clock.run(60)
    assert online.ask("AT+CEREG?") == "+CEREG: 0,1|OK"


def test_registration_lost_in_the_middle_of_a_publish_that_came_through_or_not():
    arrived = set()
    for seed in range(8):
        bench = Bench(seed=seed).boot().connect()
        bench.modem.faults.lose_registration_in_publish = True
        assert publish(bench) == f"+APP PDP: 0,DEACTIVE|+SMSTATE: 0|{NOT_ALLOWED}"
        arrived.add(len(bench.line.published))
        assert not bench.modem.faults.lose_registration_in_publish
        bench.clock.until(lambda bench=bench: bench.modem.radio.on_air)
    assert arrived == {0, 1}


def test_the_network_drops_the_data_connection(connected):
    connected.modem.faults.pdp_dropped = True
    connected.clock.run(1)
    assert connected.take() == b"\r\n+APP PDP: 0,DEACTIVE\r\n\r\n+SMSTATE: 0\r\n"
    assert "DEACTIVE" in connected.say("AT+CNACT=0,1")
    connected.modem.faults.pdp_dropped = False
    assert "0,ACTIVE" in connected.say("AT+CNACT=0,1")
    connected.modem.packet.drop()
    connected.clock.run(1)
    assert b"DEACTIVE" in connected.take()


def test_smconn_hangs_for_a_minute(online):
    online.modem.faults.connect_hangs_s = 60
    online.ask('AT+SMCONF="URL","b",1883')
    assert online.say("AT+SMCONN", 59) == ""
    online.clock.run(2)
    assert b"ERROR" in online.take()
    assert online.line.wanted == []


def test_smpub_answers_error_after_idle_and_no_news_came_before(connected):
    connected.modem.faults.publish_fails_after_idle_s = 60
    assert publish(connected) == "OK"
    connected.clock.run(61)
    assert connected.take() == b""
    assert publish(connected) == NOT_ALLOWED
    assert connected.ask("AT+SMSTATE?") == "+SMSTATE: 0|OK"
    assert connected.ask("AT+SMCONN") == "OK"
    assert publish(connected) == "OK"


@pytest.mark.parametrize(("fault", "result"), [("wrong_certificate", 27), ("expired_certificate", 24)])
def test_a_bad_certificate_without_a_real_broker(online, fault, result):
    with_authority(online)
    setattr(online.modem.faults, fault, True)
    assert online.ask("AT+SMCONN") == NOT_ALLOWED
    assert online.line.wanted == [], "nothing reached the broker"
    online.ask('AT+CASSLCFG=0,"SSL",1;+CASSLCFG=0,"CACERT","ca.crt"')
    assert online.ask('AT+CAOPEN=0,0,"TCP","b",8883') == f"+CAOPEN: 0,{result}|OK"
    online.modem.faults.clear()
    assert online.ask("AT+SMCONN") == "OK"


def test_a_clock_that_is_ignored_lets_an_expired_certificate_pass(online):
    with_authority(online)
    online.modem.faults.expired_certificate = True
    online.ask('AT+CSSLCFG="IGNORERTCTIME",0,1')
    assert online.ask("AT+SMCONN") == "OK"
    assert not online.line.wanted[-1].check_time


def test_lines_come_between_the_lines_of_an_answer(bench):
    bench.modem.faults.urc_in_answers = 1.0
    said = bench.ask("AT+CBC")
    assert said.endswith("OK") and "+CBC: 0,62,3810" in said
    assert len(said.split("|")) == 4


def test_characters_get_lost_both_ways_and_no_torn_line_counts_as_unknown(bench):
    bench.modem.faults.characters_lost = 0.2
    answers = [bench.say("AT+CBC") for _ in range(50)]
    assert len(set(answers)) > 10
    assert bench.modem.unknown == []
    bench.modem.faults.characters_lost = 0.0
    bench.say("AT")
    assert bench.ask("AT+CBC") == "+CBC: 0,62,3810|OK"


def test_a_restart_in_the_middle_of_a_command_leaves_it_unanswered(bench):
    bench.ask("AT+IPR=115200")
    bench.modem.faults.reboots = 1.0
    said = bench.say("AT+CSQ", 10)
    assert "OK" not in said and said.index("RDY") < said.index("SMS Ready")


def test_a_storm_of_boots(bench):
    bench.ask("AT+IPR=115200")
    bench.modem.faults.boot_storm = 3
    said = bench.say("AT+CREBOOT", 60)
    assert said.count("RDY") == 4
    assert said.count("SMS Ready") == 1


def test_a_brown_out_under_the_transmitter(connected):
    connected.ask("AT+CBATCHK=1;+IPR=115200")
    connected.modem.faults.brown_out = True
    connected.prompt('AT+SMPUB="t",1,1,0')
    connected.modem.receive(b"x")
    connected.clock.run(20)
    said = connected.take().decode()
    assert "OK" not in said and said.index("RDY")
    assert connected.line.published == []


def test_dark_until_the_rail_was_off(bench):
    bench.modem.faults.dark = True
    assert bench.say("AT") == ""
    bench.press(1.5)
    bench.press(20)
    bench.clock.run(20)
    assert bench.say("AT") == "" and bench.take() == b""
    bench.modem.rail(False)
    bench.boot()
    assert bench.ask("AT") == "OK"


def test_the_key_is_ignored(bench):
    bench.modem.faults.pwrkey_ignored = True
    bench.press(1.5)
    bench.clock.run(5)
    assert bench.ask("AT") == "OK"
    bench.modem.rail(False)
    bench.modem.rail(True)
    bench.press(1.5)
    bench.clock.run(10)
    assert not bench.modem.awake


def test_no_prompt_after_a_wake_and_the_next_one_is_there(connected):
    connected.ask("AT+SMDISC")
    connected.ask("AT+CSCLK=1")
    connected.modem.dtr(True)
    connected.clock.run(10)
    connected.modem.faults.no_prompt_after_wake = True
    connected.modem.dtr(False)
    connected.clock.run(1)
    connected.ask("AT+SMCONN")
    assert connected.say('AT+SMPUB="t",1,1,0') == ""
    assert connected.data(b"x") == "OK"
    assert b">" in connected.prompt('AT+SMPUB="t",1,1,0')


def test_a_full_sms_memory_takes_nothing_until_it_is_emptied(online):
    online.modem.faults.sms_full = True
    receive = online.post.phones[online.modem.identity.number]
    assert receive("+34600111222", "ack") is False
    assert online.ask("AT+CPMS?") == '+CPMS: "SM",20,20,"SM",20,20,"SM",20,20|OK'
    online.ask("AT+CMGF=1;+CMGD=0")
    assert receive("+34600111222", "ack") is True


def test_sms_is_absent(online):
    online.modem.faults.sms_absent = True
    online.ask("AT+CMGF=1")
    online.prompt('AT+CMGS="+34600111222"')
    assert online.data(b"help\x1a") == "+CMS ERROR: 500"
    assert online.post.sent == []


def test_no_network_time_no_fix_and_a_setting_that_is_ignored(bench):
    bench.modem.faults.settings_ignored = True
    bench.ask("AT+CNMP=38")
    assert bench.ask("AT+CNMP?") == "+CNMP: 2|OK"
    bench.modem.faults.never_a_fix = True
    bench.modem.antenna(True)
    bench.ask("AT+CFUN=0;+CGNSPWR=1")
    bench.clock.run(600)
    assert "+CGNSINF: 1,,," in bench.ask("AT+CGNSINF")
    bench.modem.faults.no_network_time = True
    bench.ask("AT+CLTS=1;+CREBOOT")
    bench.clock.run(60)
    bench.say("AT")
    assert '"80/01/06' in bench.say("AT+CCLK?")


def test_clearing_ends_them_all():
    faults, heard = Faults(), []
    faults.watch(heard.append)
    faults.no_network = True
    faults.connect_hangs_s = 60
    faults.clear()
    assert faults == Faults()
    assert heard[:2] == ["no_network", "connect_hangs_s"]


def test_all_at_once_it_still_comes_back_when_they_end():
    bench = Bench(scale=1.0).boot()
    faults = bench.modem.faults
    faults.no_network = faults.brown_out = faults.sms_full = faults.sms_absent = faults.pdp_dropped = True
    faults.urc_in_answers, faults.characters_lost, faults.reboots = 0.5, 0.1, 0.05
    for command in ("AT", "AT+CNACT=0,1", "AT+SMCONN", "AT+CFUN=0", "AT+CFUN=1", "AT+CMGF=1") * 10:
        bench.say(command, 2)
    faults.clear()
    bench.modem.rail(False)
    bench.boot().connect()
    assert publish(bench) == "OK"
