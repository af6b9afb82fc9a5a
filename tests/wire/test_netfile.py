"""The network part of a watch's secrets file: what is wrong is said by its name, and nothing wrong is ever used."""

import json

import netfile as on_the_device
import pytest
from sos_wire import netfile

CA = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
GOOD = {
    "apn": "internet.example",
    "host": "broker.example",
    "user": "device-2001",
    "password": "a-password-of-its-own",
    "ca": CA,
}


def test_what_may_be_left_out_is_there_and_empty_and_the_port_is_that_of_tls():
    network, complaint = netfile.check(GOOD)
    assert complaint is None
    assert network == {
        **GOOD,
        "apn_user": "",
        "apn_password": "",
        "sim_pin": "",
        "sms_to": "",
        "assist_url": "",
        "port": 8883,
    }


@pytest.mark.parametrize("missing", sorted(GOOD))
def test_without_one_of_the_needed_there_is_no_network(missing):
    network, complaint = netfile.check({name: GOOD[name] for name in GOOD if name != missing})
    assert network is None
    assert missing in complaint


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("host", 'broker.example"\r\nAT+CPOWD=1'),
        ("apn", "intern\u00e8t"),
        ("password", "two\nlines"),
        ("password", "x" * 513),
        ("host", "h" * 247),
        ("user", 7),
        ("ca", "no certificate"),
        ("ca", CA + "x" * 10_240),
        ("sim_pin", "12"),
        ("sim_pin", "abcd"),
        ("sms_to", "600111222"),
        ("sms_to", "+34 600"),
        ("assist_url", "ftp://xtra.example/xtra3gr_72h.bin"),
        ("assist_url", 'http://xtra.example/"x'),
        ("port", 0),
        ("port", "8883"),
        ("speed", 5),
    ],
)
def test_what_no_modem_may_be_told_is_refused_and_its_value_is_not_repeated(name, value):
    network, complaint = netfile.check({**GOOD, name: value})
    assert network is None
    assert name in complaint
    assert name == "port" or str(value) not in complaint


def test_a_device_without_a_file_has_no_network_and_no_complaint(tmp_path):
    assert on_the_device.load(str(tmp_path / "network.json")) == (None, None)


@pytest.mark.parametrize("content", ["", "nonsense", "[]", "null", "{}"])
def test_a_file_that_is_none_is_one_sentence(tmp_path, content):
    file = tmp_path / "network.json"
    file.write_text(content)
    network, complaint = on_the_device.load(str(file))
    assert network is None
    assert "network" in complaint


def test_a_good_file_is_read_as_it_was_written(tmp_path):
    file = tmp_path / "network.json"
    file.write_text(json.dumps({**GOOD, "sms_to": "+34600111222", "port": 8884}))
    network, complaint = on_the_device.load(str(file))
    assert complaint is None
    assert (network["sms_to"], network["port"]) == ("+34600111222", 8884)
