"""Wrong settings stop the gateway at its start, with one sentence that names the setting and the mend."""

import base64
import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from sos_gateway.api.serve import bind
from sos_gateway.config import load
from sos_gateway.errors import ConfigError

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
POLICE = {"name": "police", "kind": "webhook", "url": "https://police.example/", "secret": SECRET}


@pytest.fixture
def good(tmp_path, monkeypatch):
    for name in list(os.environ):
        if name.startswith("SOCORS_"):
            monkeypatch.delenv(name)
    key = tmp_path / "key"
    key.write_bytes(bytes(32))
    key.chmod(0o600)
    settings = {
        "SOCORS_DATABASE_URL": "postgresql://socors@localhost/socors",
        "SOCORS_SECRET_KEY_FILE": str(key),
        "SOCORS_MQTT_PASSWORD": "x6Qw-9kPz_t3Lm2R",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def complaint():
    with pytest.raises(ConfigError) as caught:
        load()
    text = str(caught.value)
    assert text.endswith(".")
    assert len(text.splitlines()) == 1
    assert not re.search(r"pydantic|validation error|Traceback", text)
    return text


def test_good_settings_are_taken_and_cannot_be_changed(good):
    settings = load()
    assert settings.destinations == []
    with pytest.raises(ValueError, match="frozen"):
        settings.http_port = 1


@pytest.mark.parametrize("name", ["SOCORS_DATABASE_URL", "SOCORS_SECRET_KEY_FILE", "SOCORS_MQTT_PASSWORD"])
def test_a_setting_that_is_missing_is_named(good, name):
    good.delenv(name)
    assert complaint().startswith(f"{name} is not set: set it (")


@pytest.mark.parametrize(
    ("name", "value", "mend"),
    [
        ("SOCORS_DATABASE_URL", "mysql://localhost/socors", "must begin with postgresql://"),
        ("SOCORS_SECRET_KEY_FILE", "/nowhere/key", "there is no file /nowhere/key"),
        ("SOCORS_MQTT_PASSWORD", "", "default"),
        ("SOCORS_MQTT_PASSWORD", "password1234", "default"),
        ("SOCORS_MQTT_PASSWORD", "ChangeMeChangeMe", "default"),
        ("SOCORS_MQTT_PORT", "0", "greater than or equal to 1"),
        ("SOCORS_MQTT_PORT", "eighty", "valid integer"),
        ("SOCORS_MQTT_CA_FILE", "/nowhere/ca.pem", "there is no file /nowhere/ca.pem"),
        ("SOCORS_HTTP_PORT", "99999", "less than or equal to 65535"),
        ("SOCORS_SECURE_COOKIES", "perhaps", "valid boolean"),
        ("SOCORS_SENDER", "police of Gavà", "CAP forbids"),
        ("SOCORS_DESTINATIONS", "police", "must be JSON"),
        ("SOCORS_DESTINATIONS", '{"name": "police"}', "valid list"),
    ],
)
def test_a_setting_that_is_wrong_is_named_with_its_mend(good, name, value, mend):
    good.setenv(name, value)
    text = complaint()
    assert text.startswith(f"{name} is wrong: ")
    assert mend in text


@pytest.mark.parametrize(
    ("change", "part", "mend"),
    [
        ({"name": "Police Gavà"}, "name", "pattern"),
        ({"kind": "fax"}, "kind", "pattern"),
        ({"url": "http://police.example/"}, "url", "https://"),
        ({"url": "police.example"}, "url", "https://"),
        ({"url": "https://[::1/"}, "url", "is no address"),
        ({"secret": "whsec_c2hvcnQ="}, "secret", "24 random bytes"),
        ({"secret": "whsec_this is no base64, however long it may be"}, "secret", "24 random bytes"),
        ({"secret": "whsec_" + "A" * 44}, "secret", "24 random bytes"),
        ({"towns": ["08073", "Gavà"]}, "towns", "Gavà is no INE code"),
        ({"timeout_s": 3600}, "timeout_s", "less than or equal to 60"),
    ],
)
def test_a_wrong_destination_is_named_by_its_place(good, change, part, mend):
    good.setenv("SOCORS_DESTINATIONS", json.dumps([POLICE, {**POLICE, "name": "other", **change}]))
    text = complaint()
    assert text.startswith(f"SOCORS_DESTINATIONS (number 2, {part}) is wrong: ")
    assert mend in text
    assert SECRET not in text


def test_two_destinations_of_one_name_are_refused(good):
    good.setenv("SOCORS_DESTINATIONS", json.dumps([POLICE, POLICE]))
    assert "two destinations are called police" in complaint()


def test_a_broker_on_another_machine_needs_its_authority(good):
    good.setenv("SOCORS_MQTT_HOST", "broker.example")
    assert complaint().startswith("SOCORS_MQTT_CA_FILE is not set")


def test_a_slip_of_the_pen_in_a_name_is_not_ignored(good):
    good.setenv("SOCORS_DESTINATION", json.dumps([POLICE]))
    assert complaint() == "SOCORS_DESTINATION is no setting: rename it to SOCORS_DESTINATIONS, or remove it."


def test_the_gateway_stops_with_that_sentence_alone(good):
    good.setenv("SOCORS_MQTT_PASSWORD", "password1234")
    program = Path(sys.executable).with_name("socors")
    done = subprocess.run([program, "gateway"], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.strip().splitlines() == [complaint()]


def test_a_busy_port_is_stepped_round():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with bind("127.0.0.1", port) as other:
            assert other.getsockname()[1] != port
