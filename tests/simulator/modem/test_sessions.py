"""Sessions of real modems, as their documents and users' logs print them, said again to the emulated one."""

import re

import pytest
from modem_bench import Bench

CA = b"-----BEGIN CERTIFICATE-----\n" + b"A" * 2055 + b"\n-----END CERTIFICATE-----\n"


def test_echo_then_the_result_byte_for_byte():
    # LilyGO T-SIM7080G #179: 'AT\r\r\nOK\r\n', 'AT+CGMR\r\r\nRevision:…\r\n\r\nOK\r\n'.
    bench = Bench().boot()
    bench.ask("ATE1")
    assert bench.say("AT") == "AT\r\r\nOK\r\n"
    said = bench.say("AT+CGMR")
    assert re.fullmatch(r"AT\+CGMR\r\r\nRevision:1951B\d\dSIM7080\r\n\r\nOK\r\n", said)
    assert bench.say("AT+CPIN?") == "AT+CPIN?\r\r\n+CPIN: READY\r\n\r\nOK\r\n"


def test_identity_and_battery_in_the_forms_of_the_manual(bench):
    assert bench.ask("AT+GMM") == "SIMCOM_SIM7080G|OK"
    assert re.fullmatch(r"\d{15}\|OK", bench.ask("AT+CGSN"))
    assert re.fullmatch(r"\d{15}\|OK", bench.ask("AT+CIMI"))
    assert re.fullmatch(r"\d{18,20}\|OK", bench.ask("AT+CCID"))
    assert bench.ask("AT+CBC") == "+CBC: 0,62,3810|OK"


def test_pdp_activation_as_the_mqtt_application_note_has_it(bench):
    bench.clock.until(lambda: bench.modem.radio.on_air)
    assert bench.ask("AT+CGNAPN") == '+CGNAPN: 1,"internet"|OK'
    assert bench.ask('AT+CNCFG=0,1,"ctnb"') == "OK"
    assert bench.say("AT+CNACT=0,1") == "\r\nOK\r\n\r\n+APP PDP: 0,ACTIVE\r\n"
    assert bench.say("AT+CNACT?") == (
        '\r\n+CNACT: 0,1,"10.94.36.44"\r\n+CNACT: 1,0,"0.0.0.0"\r\n+CNACT: 2,0,"0.0.0.0"\r\n'
        '+CNACT: 3,0,"0.0.0.0"\r\n\r\nOK\r\n'
    )
    assert bench.say("AT+CNACT=0,0") == "\r\nOK\r\n\r\n+APP PDP: 0,DEACTIVE\r\n"


def test_mqtt_without_tls_as_the_application_note_has_it(online):
    # AN-MQTT 5.1.
    for setting in ('"URL",117.131.85.139,6000', '"KEEPTIME",60', '"CLEANSS",1', '"CLIENTID","simmqtt"'):
        assert online.ask("AT+SMCONF=" + setting) == "OK"
    assert online.ask("AT+SMCONN") == "OK"
    assert online.ask('AT+SMSUB="information",1') == "OK"
    assert b">" in online.prompt('AT+SMPUB="information",5,1,1')
    assert online.data(b"hello") == "OK"
    online.clock.run(1)
    assert online.take() == b'\r\n+SMSUB: "information","hello"\r\n'
    assert online.ask('AT+SMUNSUB="information"') == "OK"
    assert online.ask("AT+SMDISC") == "OK"
    assert online.say("AT+CNACT=0,0") == "\r\nOK\r\n\r\n+APP PDP: 0,DEACTIVE\r\n"
    [want] = online.line.wanted
    assert (want.host, want.port, want.client_id) == ("117.131.85.139", 6000, "simmqtt")
    assert (want.keepalive_s, want.clean, want.tls, want.will) == (60, True, False, None)
    assert online.line.published == [("information", b"hello", 1, True)]
    assert online.modem.unknown == []


def test_smconf_prints_its_twelve_settings_in_order(bench):
    assert bench.say("AT+SMCONF?").split("\r\n") == [
        "",
        "+SMCONF:",
        'CLIENTID: ""',
        'URL: "0.0.0.0",1883',
        "KEEPTIME: 60",
        'USERNAME: ""',
        'PASSWORD: ""',
        "CLEANSS: 0",
        "QOS: 0",
        'TOPIC: ""',
        'MESSAGE: ""',
        "RETAIN: 0",
        "SUBHEX: 0",
        "ASYNCMODE: 0",
        "",
        "",
        "OK",
        "",
    ]


def test_a_certificate_goes_up_as_the_application_note_has_it(online):
    # AN-MQTT 5.2 and AN-FS.
    assert len(CA) == 2110
    assert online.ask("AT+CFSINIT") == "OK"
    assert online.prompt('AT+CFSWFILE=3,"ca.crt",0,2110,1000') == b"\r\nDOWNLOAD\r\n"
    assert online.data(CA) == "OK"
    assert online.ask('AT+CFSGFIS=3,"ca.crt"') == "+CFSGFIS: 2110|OK"
    assert online.ask("AT+CFSTERM") == "OK"
    assert online.ask('AT+CSSLCFG="CONVERT",2,"ca.crt"') == "OK"
    assert online.ask('AT+SMSSL=1,"ca.crt",""') == "OK"
    assert online.ask('AT+SMCONF="URL","broker.example",8883') == "OK"
    assert online.ask('AT+CSSLCFG="SSLVERSION",0,3') == "OK"
    assert online.ask('AT+CSSLCFG="SNI",0,"broker.example"') == "OK"
    assert online.ask("AT+SMCONN") == "OK"
    [want] = online.line.wanted
    assert (want.tls, want.ca_pem, want.sni, want.check_time) == (True, CA, "broker.example", True)


def test_the_satellite_lines_have_eighteen_fields_with_a_fix_and_without(bench):
    bench.ask("AT+CFUN=0")
    bench.modem.antenna(True)
    bench.sky.indoors = True
    bench.ask("AT+CGNSPWR=1")
    # AN-GNSS: field 2 is empty without a fix, not 0.
    assert bench.ask("AT+CGNSINF") == (
        "+CGNSINF: 1,,,0.000000,0.000000,-18.000,,,1,,0.1,0.1,0.1,,,,9999000.0,6144.0|OK"
    )
    bench.sky.indoors = False
    line = bench.ask("AT+CGNSINF").removesuffix("|OK")
    fields = line.removeprefix("+CGNSINF: ").split(",")
    assert len(fields) == 18
    assert fields[:2] == ["1", "1"]
    assert re.fullmatch(r"20\d{12}\.\d{3}", fields[2])
    assert abs(float(fields[3]) - 41.2649) < 0.001 and abs(float(fields[4]) - 1.9866) < 0.001


def test_network_time_comes_with_the_opening_quote_missing():
    bench = Bench().boot()
    bench.ask("AT+CLTS=1")
    assert bench.ask("AT+CCLK?").startswith('+CCLK: "80/01/06,'), "it takes effect at the next boot"
    bench.ask("AT+CREBOOT")
    bench.clock.run(1)
    bench.say("AT")
    said = bench.take().decode() + bench.say("AT")
    bench.modem.radio.lost()
    bench.clock.run(1)
    said += bench.take().decode()
    lines = [line for line in said.split("\r\n") if line]
    assert "DST: 0" in lines
    assert any(re.fullmatch(r'\*PSUTTZ: \d\d/\d\d/\d\d,\d\d:\d\d:\d\d","\+04",0', line) for line in lines)
    assert re.search(r'\+CCLK: "26/\d\d/\d\d,\d\d:\d\d:\d\d\+04"', bench.ask("AT+CCLK?"))


@pytest.mark.parametrize(
    ("stat", "asked", "answer"),
    [
        (0, "AT+CEREG=0;+CEREG?", "+CEREG: 0,1"),
        (2, "AT+CEREG=2;+CEREG?", '+CEREG: 2,1,"2F1A","01B2C301",7'),
        (4, "AT+CEREG=4;+CEREG?", '+CEREG: 4,1,"2F1A","00","01B2C301",7'),
    ],
)
def test_cereg_in_each_of_its_forms(online, stat, asked, answer):
    assert online.ask(asked) == answer + "|OK"


def test_operator_and_cell(online):
    assert online.ask("AT+COPS?") == '+COPS: 0,0,"Movistar",7|OK'
    assert re.fullmatch(
        r"\+CPSI: LTE CAT-M1,Online,214-07,0x2F1A,28492545,\d+,EUTRAN-BAND20,6300,3,3,-\d+,-\d+,-\d+,\d+\|OK",
        online.ask("AT+CPSI?"),
    )
    assert online.ask("AT+CSQ") == "+CSQ: 18,99|OK"
    online.modem.faults.no_network = True
    online.clock.until(lambda: not online.modem.radio.on_air)
    online.clock.run(1)
    assert online.take() == b"\r\n+APP PDP: 0,DEACTIVE\r\n"
    assert online.ask("AT+COPS?") == "+COPS: 0|OK"
    assert online.ask("AT+CPSI?") == "+CPSI: NO SERVICE,Online|OK"
    assert online.ask("AT+CSQ") == "+CSQ: 99,99|OK"


def test_on_narrow_band_creg_stays_idle_while_cereg_tells(online):
    online.modem.cell.act = 9
    assert online.ask("AT+CREG?") == "+CREG: 0,0|OK"
    assert online.ask("AT+CEREG?") == "+CEREG: 0,1|OK"


def test_an_sms_goes_out_and_one_comes_in_and_is_read_and_deleted(online):
    assert online.ask("AT+CMGF=1") == "OK"
    assert online.prompt('AT+CMGS="13816692204"') == b"\r\n> "
    assert online.data(b"help me\x1a") == "+CMGS: 1|OK"
    assert online.post.sent == [(online.modem.identity.number, "13816692204", "help me")]
    assert online.ask("AT+CNMI=2,1,0,0,0") == "OK"
    assert online.post.phones[online.modem.identity.number]("+34600111222", "on our way") is True
    online.clock.run(1)
    assert online.take() == b'\r\n+CMTI: "SM",0\r\n'
    read = online.ask("AT+CMGR=0")
    assert re.fullmatch(
        r'\+CMGR: "REC UNREAD","\+34600111222",,"\d\d/\d\d/\d\d,\d\d:\d\d:\d\d\+04"\|on our way\|OK', read
    )
    assert online.ask("AT+CMGR=0").startswith('+CMGR: "REC READ"')
    assert online.ask("AT+CMGD=0") == "OK"
    assert online.ask("AT+CMGR=0") == "OK"
    assert online.ask("AT+CNMI=1,2,0,0,0") == "OK"
    online.post.phones[online.modem.identity.number]("+34600111222", "direct")
    online.clock.run(1)
    assert re.fullmatch(rb'\r\n\+CMT: "\+34600111222",,"[^"]+"\r\ndirect\r\n', online.take())
