"""`socors broker`: the files of a mosquitto that runs as its own user, and the commands around it."""

import asyncio
import os
import pwd
import re
import shutil
import ssl
import stat
import tempfile
from pathlib import Path

import aiomqtt
import pytest
from sos_gateway.services import mosquitto, ports
from sos_gateway.services.cli import broker
from sos_gateway.services.process import Child
from typer.testing import CliRunner


@pytest.fixture
def folder():
    made = Path(tempfile.mkdtemp(prefix="socors-test-"))
    made.chmod(0o755)
    yield made / "broker"
    shutil.rmtree(made)


def own_user():
    if os.geteuid() == 0 and any(entry.pw_name == "mosquitto" for entry in pwd.getpwall()):
        return "mosquitto"
    return pwd.getpwuid(os.geteuid()).pw_name


def run(*arguments):
    done = CliRunner().invoke(broker, [str(argument) for argument in arguments])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.stdout


def test_passwords_are_shown_once_and_kept_hashed_where_only_mosquitto_reads_them(folder):
    shown = run("init", "--folder", folder, "--user", own_user())
    password = re.search(r"^gateway: (\S{32})", shown, re.MULTILINE)[1]
    assert "gateway:" not in run("init", "--folder", folder, "--user", own_user())
    run("add", "hub-h1", "device-7", "--folder", folder)
    assert run("list", "--folder", folder).split() == ["device-7", "gateway", "hub-h1"]
    run("remove", "device-7", "--folder", folder)
    assert run("list", "--folder", folder).split() == ["gateway", "hub-h1"]
    assert "device-7" not in (folder / "access").read_text()
    for path in folder.iterdir():
        assert password not in path.read_text()
        if path.suffix == ".key" or path.name in ("passwords", "access"):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_mosquitto_starts_on_these_files_as_its_own_user_and_hears_of_changes(mosquitto_needed, folder):
    port = ports.any_free()
    run("init", "--folder", folder, "--user", own_user(), "--port", port, "--host", "127.0.0.1")
    child = Child("mosquitto", folder.with_name("mosquitto.log"))
    child.start(
        [mosquitto.find(), "-c", str(folder / "mosquitto.conf")],
        lambda: not ports.is_free("127.0.0.1", port) and (folder / "mosquitto.pid").exists(),
    )
    try:
        password = run("add", "hub-h1", "--folder", folder).split()[1]
        assert asyncio.run(comes_in(port, folder / "ca.pem", "hub-h1", password))
        assert "rror" not in folder.with_name("mosquitto.log").read_text()
    finally:
        child.stop()


async def comes_in(port, ca_file, user, password):
    """Knock until let in."""
    tls = ssl.create_default_context(cafile=str(ca_file))
    async with asyncio.timeout(10):
        while True:
            try:
                async with aiomqtt.Client(
                    "127.0.0.1", port, username=user, password=password, tls_context=tls
                ):
                    return True
            except aiomqtt.MqttError:
                await asyncio.sleep(0.05)
