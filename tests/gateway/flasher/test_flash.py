"""The flasher against real MicroPython on a pseudo-terminal: files, identity, hash, and what it says when it cannot."""

import json
import os
import pty
import subprocess
import threading
import time
import tty

import pytest
from sos_gateway.cli import app
from sos_gateway.errors import ConfigError, NotFound
from sos_gateway.flasher import line as lines
from sos_gateway.flasher.flash import Identity, flash, read_settings
from sos_gateway.flasher.tree import files_for, sha256, source_files
from sos_gateway.keys.wrapping import new_key_file
from sos_gateway.services.broker_files import BrokerFiles
from typer.testing import CliRunner

from simulator.world import firmware

SECRET = bytes(range(32))


class BoardOnATerminal:
    """A unix port in a folder that is its flash; a reset ends the process, and another one starts, as on a board."""

    def __init__(self, folder):
        self.flash = folder / "flash"
        self.nvs = folder / "nvs"
        chip = folder / "chip"
        for each in (self.flash, self.nvs, chip):
            each.mkdir()
        # The reset of the chip is all of `machine` the flasher asks for.
        (chip / "machine.py").write_text("def reset():\n    raise SystemExit\n")
        self._path = f"{chip}:{firmware.ROOT / 'simulator' / 'fakes'}:.frozen"
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.port = os.ttyname(self._slave)
        self.starts = 0
        self._over = False
        self._process = None
        self._thread = threading.Thread(target=self._keep)
        self._thread.start()

    def _keep(self):
        while not self._over:
            self.starts += 1
            self._process = subprocess.Popen(
                [firmware.interpreter(), "-i"],
                cwd=self.flash,
                env={"MICROPYPATH": self._path, "SOCORS_FLASH": str(self.nvs), "PATH": os.environ["PATH"]},
                stdin=self._master,
                stdout=self._master,
                stderr=self._master,
            )
            self._process.wait()

    def stop(self):
        self._over = True
        while self._thread.is_alive():
            if self._process:
                self._process.kill()
            time.sleep(0.01)
        os.close(self._master)
        os.close(self._slave)


@pytest.fixture
def board(tmp_path):
    made = BoardOnATerminal(tmp_path)
    yield made
    made.stop()


@pytest.fixture
def secret_file(tmp_path):
    file = tmp_path / "7.json"
    file.write_text(json.dumps({"device": 7, "secret": SECRET.hex()}))
    return file


def put(board, identity=None, settings=None, force=False):
    said = []
    digest = flash(board.port, "pendant", identity, settings, force, said.append)
    return digest, said


def test_every_file_arrives_the_hash_is_the_trees_and_the_identity_is_in(board, secret_file):
    digest, said = put(board, Identity.read(secret_file), b'{"falls": 0}')
    assert digest == sha256() == firmware.sha256()
    for path, content in files_for("pendant").items():
        assert (board.flash / path).read_bytes() == content, path
    assert json.loads((board.flash / "socors" / "settings.json").read_text()) == {"falls": 0}
    assert SECRET in (board.flash / "socors" / "secret").read_bytes()
    assert "provisioned as device 7" in said


def test_a_wearer_registered_with_a_silent_hold_gets_a_pendant_that_holds_silently(
    board, database_url, tmp_path, monkeypatch
):
    key, out = tmp_path / "key", tmp_path / "1001.secret"
    new_key_file(key)
    monkeypatch.setenv("SOCORS_DATABASE_URL", database_url)
    monkeypatch.setenv("SOCORS_SECRET_KEY_FILE", str(key))
    monkeypatch.setenv("SOCORS_MQTT_PASSWORD", "a password of the broker")

    def provision(*words):
        done = CliRunner().invoke(app, ["provision", "1001", "--out", str(out), *words])
        assert done.exit_code == 0, done.output
        return Identity.read(out)

    put(board, provision("--wearer", "Maria Soler", "--town", "08073", "--silent"), b'{"falls": 0}')
    settings = json.loads((board.flash / "socors" / "settings.json").read_text())
    assert settings == {"silent_hold": 1, "falls": 0}
    assert provision("--again").settings == {"silent_hold": 1}  # the wearer is the same


LTE = ("--lte", "--apn", "internet.example", "--broker-host", "broker.example", "--sms-to", "+34600111222")


@pytest.fixture
def provision(database_url, tmp_path, monkeypatch):
    """Run `socors provision 2001` against a database; the secrets file is beside it."""
    key, out = tmp_path / "key", tmp_path / "2001.secret"
    new_key_file(key)
    monkeypatch.setenv("SOCORS_DATABASE_URL", database_url)
    monkeypatch.setenv("SOCORS_SECRET_KEY_FILE", str(key))
    monkeypatch.setenv("SOCORS_MQTT_PASSWORD", "a password of the broker")

    def run(*words):
        words = ("--wearer", "Maria Soler", "--town", "08073", *words)
        return CliRunner().invoke(app, ["provision", "2001", "--out", str(out), *words])

    run.out = out
    return run


def test_a_watch_gets_its_network_with_a_credential_of_its_own_that_nobody_is_shown(
    board, provision, tmp_path
):
    files = BrokerFiles(tmp_path / "broker")
    files.create(hosts=["broker.example"], port=8883)
    done = provision(*LTE, "--broker-folder", str(files.folder))
    assert done.exit_code == 0, done.output
    assert files.users() == ["device-2001"]
    assert provision.out.stat().st_mode & 0o777 == 0o600
    identity = Identity.read(provision.out)
    _, said = put(board, identity)
    written = json.loads((board.flash / "socors" / "network.json").read_text())
    assert written == identity.network
    assert (written["apn"], written["host"], written["port"]) == ("internet.example", "broker.example", 8883)
    assert (written["user"], written["sms_to"]) == ("device-2001", "+34600111222")
    assert written["ca"] == files.ca_file.read_text()
    shown = done.output + "".join(said)
    assert written["password"] not in shown
    assert "BEGIN CERTIFICATE" not in shown


def test_where_the_brokers_files_are_elsewhere_its_password_comes_in_a_file(provision, tmp_path):
    ca, password = tmp_path / "ca.pem", tmp_path / "password"
    ca.write_text("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n")
    password.write_text("given-by-the-brokers-keeper\n")
    nowhere = ("--broker-folder", str(tmp_path / "nowhere"), "--broker-ca", str(ca))
    done = provision(*LTE, *nowhere)
    assert isinstance(done.exception, ConfigError)
    assert "socors broker add device-2001" in str(done.exception)
    done = provision(*LTE, *nowhere, "--broker-password-file", str(password))
    assert done.exit_code == 0, done.output
    assert Identity.read(provision.out).network["password"] == "given-by-the-brokers-keeper"


def test_a_network_no_modem_could_use_registers_nobody(provision, tmp_path):
    files = BrokerFiles(tmp_path / "broker")
    files.create(hosts=["broker.example"], port=8883)
    done = provision(*LTE, "--broker-folder", str(files.folder), "--sms-to", "600111222")
    assert isinstance(done.exception, ConfigError)
    assert "sms_to" in str(done.exception)
    assert not provision.out.exists()
    assert files.users() == []
    assert provision().exit_code == 0  # the number is still free


def test_the_secret_is_in_no_line_that_is_shown(board, secret_file):
    _, said = put(board, Identity.read(secret_file))
    assert not any(SECRET.hex() in sentence for sentence in said)


def test_a_board_that_runs_an_old_firmware_is_stopped_by_a_reset_before_anything_is_written(board):
    (board.flash / "main.py").write_text("old = True\n")
    put(board)
    assert board.starts >= 2
    assert (board.flash / "main.py").read_bytes() == files_for("pendant")["main.py"]


def test_unsent_alarms_in_the_journal_are_not_lost_to_a_new_identity(board, secret_file):
    put(board, Identity.read(secret_file))
    record = (
        "import esp32, store\nfrom app.alarm import Event\nfrom sos_wire import kinds\n"
        'opened = store.Store("socors", esp32.NVS("socors"))\nprint(opened.save(Event(1, 1, kinds.SOS)))'
    )
    line = lines.Line(board.port)
    assert line.run(record) == "True"
    line.close()
    new = Identity(7, bytes(32))
    with pytest.raises(lines.FlashError, match="1 alarms have not been sent"):
        put(board, new)
    _, said = put(board, new, force=True)
    assert "provisioned as device 7" in said


def boot_of(board):
    line = lines.Line(board.port)
    boot = line.run('import esp32, store\nprint(store.Store("socors", esp32.NVS("socors")).next_boot())')
    line.close()
    return int(boot)


@pytest.mark.parametrize("force", [False, True])
def test_a_board_flashed_again_with_the_secret_it_has_goes_on_with_its_numbers(board, secret_file, force):
    put(board, Identity.read(secret_file))
    assert [boot_of(board), boot_of(board)] == [1, 2]
    _, said = put(board, Identity.read(secret_file), force=force)
    assert "provisioned as device 7 before: its numbers and its alarms go on" in said
    assert boot_of(board) == 3


def test_a_secret_that_was_used_is_given_to_no_board_that_has_lost_it(board, secret_file):
    from sos_gateway.cli import app

    command = ["flash", "--port", board.port, "--secret", str(secret_file)]
    assert CliRunner().invoke(app, command).exit_code == 0
    assert CliRunner().invoke(app, command).exit_code == 0
    for file in [*(board.flash / "socors").iterdir(), *board.nvs.rglob("*")]:
        if file.is_file():
            file.unlink()  # as `esptool erase_flash` does
    with pytest.raises(lines.FlashError, match=r"make a new secret .*--again 7"):
        put(board, Identity.read(secret_file))


def test_main_is_copied_last_so_that_a_torn_flashing_starts_nothing_half():
    assert list(files_for("pendant"))[-1] == "main.py"


def test_each_board_gets_its_own_board_file_and_all_else_alike():
    pendant, watch = files_for("pendant"), files_for("watch")
    assert pendant.pop("board.py") != watch.pop("board.py")
    assert pendant == watch


def test_a_network_in_a_secrets_file_that_no_modem_could_use_is_refused(tmp_path):
    file = tmp_path / "x.json"
    file.write_text(json.dumps({"device": 7, "secret": SECRET.hex(), "network": {"apn": "internet"}}))
    with pytest.raises(ConfigError, match="no secrets file"):
        Identity.read(file)


def test_vectors_are_not_flashed_and_everything_else_is():
    names = set(files_for("pendant"))
    assert "sos_wire/vectors.json" not in names
    assert {"main.py", "board.py", "lib/typing.py", "app/alarm.py", "provision.py"} <= names
    assert len(names) == len(source_files()) + 1


def test_a_port_that_is_not_there_is_one_sentence():
    with pytest.raises(lines.FlashError, match=r"^The port /dev/ttyNOTHING cannot be opened: "):
        flash("/dev/ttyNOTHING", "pendant", None, None, False, print)


def test_a_line_on_which_nothing_answers_is_one_sentence(monkeypatch):
    monkeypatch.setattr(lines, "ANSWER_S", 0.3)
    master, slave = pty.openpty()
    tty.setraw(slave)
    try:
        with pytest.raises(lines.FlashError, match="answers as MicroPython"):
            flash(os.ttyname(slave), "pendant", None, None, False, print)
    finally:
        os.close(master)
        os.close(slave)


def test_no_board_and_several_boards_are_one_sentence_each(monkeypatch):
    class Port:
        vid = lines.ESPRESSIF

        def __init__(self, device):
            self.device = device

    monkeypatch.setattr(lines.list_ports, "comports", list)
    with pytest.raises(lines.FlashError, match="No board answers"):
        lines.find_port()
    monkeypatch.setattr(lines.list_ports, "comports", lambda: [Port("/dev/b"), Port("/dev/a")])
    with pytest.raises(lines.FlashError, match=r"/dev/a, /dev/b"):
        lines.find_port()


def test_a_board_that_does_not_exist_is_named_with_those_that_do():
    with pytest.raises(NotFound, match=r"There is no board toaster: use one of .*pendant"):
        files_for("toaster")


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"device": 7, "secret": "zz"}', '{"device": 7, "secret": "00"}']
)
def test_what_is_no_secrets_file_is_refused(tmp_path, content):
    file = tmp_path / "x.json"
    file.write_text(content)
    with pytest.raises(ConfigError, match="no secrets file"):
        Identity.read(file)


@pytest.mark.parametrize("content", ["nonsense", "[1]", '{"falls": "yes"}'])
def test_what_are_no_settings_is_refused(tmp_path, content):
    file = tmp_path / "x.json"
    file.write_text(content)
    with pytest.raises(ConfigError, match="settings file"):
        read_settings(file)


@pytest.mark.parametrize(
    "content, said",
    [
        ('{"worn_at": "ankle"}', "setting worn_at must be trunk or wrist"),
        ('{"awake_s": 5}', "setting awake_s must be a whole number from 30 to 3600"),
        ('{"worn": "wrist"}', "there is no setting worn"),
    ],
)
def test_a_setting_the_device_would_not_take_is_refused_with_its_own_sentence(tmp_path, content, said):
    file = tmp_path / "x.json"
    file.write_text(content)
    with pytest.raises(ConfigError, match=said):
        read_settings(file)


def test_where_it_is_worn_reaches_the_board(tmp_path):
    file = tmp_path / "x.json"
    file.write_text('{"worn_at": "wrist", "falls": 1}')
    assert json.loads(read_settings(file)) == {"worn_at": "wrist", "falls": 1}


def test_the_command_prints_the_hash(board):
    done = CliRunner().invoke(app, ["flash", "--port", board.port])
    assert done.exit_code == 0, done.output
    assert f"firmware SHA-256 {firmware.sha256()}" in done.output
