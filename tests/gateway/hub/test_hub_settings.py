"""Wrong settings stop a hub at its start with one sentence that names the setting and the mend."""

import subprocess
import sys
from pathlib import Path

import pytest
from sos_gateway.errors import ConfigError
from sos_gateway.hub.config import backend, load

GOOD = {"name": "kitchen", "spool_file": "/tmp/spool.db", "mqtt_password": "x"}


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in (
        "NAME",
        "SPOOL_FILE",
        "MQTT_PASSWORD",
        "MQTT_HOST",
        "MQTT_PORT",
        "MQTT_CA_FILE",
        "BACKEND",
        "ADAPTER",
        "SMS_PORT",
        "SMS_PIN",
    ):
        monkeypatch.delenv(f"SOCORS_HUB_{name}", raising=False)


def test_good_settings_are_taken():
    settings = load(**GOOD)
    assert settings.mqtt_user == "hub-kitchen"
    assert "x" not in repr(settings.mqtt_password)


@pytest.mark.parametrize("missing", sorted(GOOD))
def test_a_missing_setting_is_named(missing):
    with pytest.raises(ConfigError, match=rf"^SOCORS_HUB_{missing.upper()} is not set: set it \(.+\)\.$"):
        load(**{name: value for name, value in GOOD.items() if name != missing})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", "Kitchen"),
        ("name", "a/b"),
        ("name", "+"),
        ("name", ""),
        ("mqtt_port", 0),
        ("mqtt_port", 70_000),
        ("mqtt_port", "mqtts"),
        ("company", 65_536),
        ("sms_port", "ttyUSB0"),
        ("sms_pin", "123"),
        ("sms_pin", '1234"'),
        ("sms_per_number", 0),
        ("sms_total", "many"),
    ],
)
def test_a_wrong_setting_is_named_with_what_it_should_be(name, value):
    with pytest.raises(ConfigError, match=rf"^SOCORS_HUB_{name.upper()} is wrong \(.+\): it is .+\.$"):
        load(**{**GOOD, name: value})


def test_a_hub_that_would_hear_nothing_does_not_start_and_one_with_a_stick_alone_does():
    with pytest.raises(
        ConfigError, match=r"^SOCORS_HUB_ADAPTER and SOCORS_HUB_SMS_PORT .+: set one of them\.$"
    ):
        load(**GOOD, adapter="")
    settings = load(**GOOD, adapter="", sms_port="/dev/ttyUSB0", sms_pin="1234")
    assert "1234" not in repr(settings)


def test_a_broker_elsewhere_needs_tls():
    with pytest.raises(ConfigError, match=r"^SOCORS_HUB_MQTT_CA_FILE is not set, .+: set it to .+\.$"):
        load(**GOOD, mqtt_host="broker.example.org")


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_certificate_that_cannot_be_used_is_told_at_the_start(tmp_path, content):
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigError, match=r"^SOCORS_HUB_MQTT_CA_FILE names .+: set it to .+\.$"):
        load(**GOOD, mqtt_ca_file=file)


@pytest.mark.parametrize("module", ["no.such.module", "json"])
def test_a_backend_that_is_none_is_named(module):
    with pytest.raises(ConfigError, match=r"^SOCORS_HUB_BACKEND names .+: leave it empty\.$"):
        backend(load(**GOOD, backend=module))


def test_the_command_says_it_in_one_line_and_fails():
    program = Path(sys.executable).with_name("socors")
    done = subprocess.run(
        [program, "hub"], env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stderr.startswith("SOCORS_HUB_NAME is not set")
