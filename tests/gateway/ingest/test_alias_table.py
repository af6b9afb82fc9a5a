"""The table of a large fleet: every alias leads to its device, the tag decides, noise leads nowhere."""

import os
import random
import time
from datetime import timedelta

import numpy as np
import pytest
from fleets import NOW, NOW_S, PERIOD, Built, seal
from sos_gateway.errors import ConfigError
from sos_gateway.ingest import alias_table
from sos_gateway.ingest.aliases import KnownDevice, Resolver
from sos_wire import kinds
from sos_wire.seal import CLOCK_MODE, RECOVERY_MODE, Keys

DAY_S = 86_400


def test_every_alias_a_device_may_use_leads_to_it_and_no_other_does(tmp_path):
    built = Built(tmp_path, 50)
    built.build()
    for row in range(50):
        assert all(built.opens(row, CLOCK_MODE, PERIOD + step) for step in range(-4, 2))
        assert all(built.opens(row, RECOVERY_MODE, counter) for counter in range(9))
    assert not any(built.opens(0, CLOCK_MODE, PERIOD + step) for step in (-6, 3))


def test_a_clock_not_set_for_long_and_a_device_not_heard_for_long_are_looked_for_further_away(tmp_path):
    built = Built(tmp_path, 4)
    built.rows.clock_set = np.array([NOW_S, NOW_S - 10 * DAY_S, NOW_S - 300 * DAY_S, 0], np.uint32)
    built.rows.heard = np.array([NOW_S, NOW_S - 2 * DAY_S, NOW_S - 300 * DAY_S, 0], np.uint32)
    built.rows.recovery = np.array([7, 7, 7, 0], np.uint32)
    built.build()
    drift = 1 + 10 * DAY_S * 2 // 100 // kinds.ALIAS_PERIOD_S
    assert all(built.opens(1, CLOCK_MODE, PERIOD + way * drift) for way in (-1, 1))
    assert not built.opens(1, CLOCK_MODE, PERIOD + drift + 1)
    assert built.opens(2, CLOCK_MODE, PERIOD - 58)  # 30 days' drift, and no more
    assert not built.opens(2, CLOCK_MODE, PERIOD - 59)
    assert not built.opens(0, CLOCK_MODE, PERIOD + 2)
    assert built.opens(1, RECOVERY_MODE, 7 + 8 + 8)
    assert not built.opens(0, RECOVERY_MODE, 7 + 9)
    assert built.opens(2, RECOVERY_MODE, 7 + 128)


def test_a_recovery_counter_that_moves_takes_the_window_with_it(tmp_path):
    built = Built(tmp_path, 3)
    built.build()
    assert all(built.opens(1, RECOVERY_MODE, counter) for counter in range(8, 60, 8))
    assert built.resolver.device(2).recovery_index == 56
    built.build(NOW_S + 60)  # read before the database knew: what this process knows is kept
    assert built.opens(1, RECOVERY_MODE, 63)


def test_the_tag_decides_between_devices_that_share_an_alias(tmp_path):
    built = Built(tmp_path, 3)
    built.build()
    frame = built.seal(2)
    alias = int.from_bytes(frame[1:6], "big")
    entries = np.array([alias << 24 | row for row in (0, 1, 2)], np.uint64)
    about = {"whose": "test", "epoch": PERIOD, "last_epoch": PERIOD + 1, "read_at": NOW_S}
    alias_table.write(tmp_path, about, entries, alias_table.slots_of(CLOCK_MODE, np.zeros(3)), built.rows)
    built.use()
    assert len(built.resolver.table.candidates(frame[1:6])) == 3
    assert built.resolver.open(frame, NOW).device == 3
    assert built.resolver.open(frame[:-1] + bytes([frame[-1] ^ 1]), NOW) is None


def test_the_next_table_costs_one_period_and_what_is_new(tmp_path):
    built = Built(tmp_path, 40)
    assert built.build() == 40 * (6 + 9)
    assert built.build() == 0
    assert built.build(NOW_S + kinds.ALIAS_PERIOD_S) == 40
    built.add(2)
    assert built.build(NOW_S + kinds.ALIAS_PERIOD_S) == 2 * (6 + 9)
    assert all(built.opens(row, CLOCK_MODE, PERIOD + 1) for row in range(42))


def test_a_device_that_goes_or_gets_a_new_secret_goes_from_the_next_table(tmp_path):
    built = Built(tmp_path, 10)
    built.build()
    old = built.seal(4)
    fresh = os.urandom(32)
    built.rows.secrets = built.rows.secrets.copy()
    built.rows.secrets[4] = np.frombuffer(built.wrapper.wrap(5, fresh), np.uint8)
    keep = np.arange(10) != 7
    for column in ("numbers", "secrets", "clock_set", "heard", "recovery"):
        setattr(built.rows, column, getattr(built.rows, column)[keep])
    built.build()
    assert built.resolver.open(old, NOW) is None
    assert built.resolver.open(seal(fresh, CLOCK_MODE, PERIOD), NOW).device == 5
    assert built.resolver.open(built.seal(7), NOW) is None
    assert [row for row in range(10) if built.opens(row)] == [0, 1, 2, 3, 5, 6, 8, 9]


def test_a_revoked_device_is_not_opened_although_the_table_has_it(tmp_path):
    built = Built(tmp_path, 5)
    built.build()
    assert built.opens(3)
    built.resolver.drop(4)
    assert not built.opens(3)
    assert built.resolver.device(4) is None
    built.build(NOW_S + 60)  # a table read before the revocation
    assert not built.opens(3)


def test_a_device_provisioned_again_opens_with_its_new_secret_alone(tmp_path):
    built = Built(tmp_path, 5)
    built.build()
    fresh = os.urandom(32)
    built.resolver.put(KnownDevice(2, Keys(fresh), wrapped=built.wrapper.wrap(2, fresh)))
    assert not built.opens(1)
    assert built.resolver.open(seal(fresh, CLOCK_MODE, PERIOD), NOW).device == 2


def test_what_a_table_knows_leaves_the_dictionary(tmp_path):
    built = Built(tmp_path, 5)
    for row in range(5):
        wrapped = built.rows.secrets[row].tobytes()
        built.resolver.put(KnownDevice(row + 1, Keys(built.secrets[row].tobytes()), wrapped=wrapped))
    assert all(built.opens(row) for row in range(5))
    built.build()
    assert len(built.resolver) == 0
    assert all(built.opens(row) for row in range(5))


def test_a_clock_that_was_set_and_lost_is_known_at_once(tmp_path):
    built = Built(tmp_path, 2)
    built.build()
    built.resolver.moved(1, NOW, 0)
    assert built.resolver.device(1).clock_set_at == NOW
    assert built.resolver.open(built.seal(0), NOW).clock_set_at == NOW
    built.resolver.moved(1, None, 3)
    assert (built.resolver.device(1).clock_set_at, built.resolver.device(1).recovery_index) == (None, 3)


def test_a_torn_or_foreign_table_is_not_believed(tmp_path):
    built = Built(tmp_path, 5)
    built.build()
    assert alias_table.load(tmp_path, "another database") is None
    (entries,) = tmp_path.glob("*.entries.npy")
    entries.write_bytes(entries.read_bytes()[:200])
    assert alias_table.load(tmp_path, "test") is None
    (tmp_path / "current").write_text("{")
    assert alias_table.load(tmp_path, "test") is None


def test_a_folder_that_others_could_fill_is_refused(tmp_path):
    open_to_all = tmp_path / "shared"
    open_to_all.mkdir(mode=0o777)
    open_to_all.chmod(0o777)
    with pytest.raises(ConfigError, match="SOCORS_ALIAS_FOLDER"):
        alias_table.own_folder(open_to_all)
    (tmp_path / "link").symlink_to(open_to_all)
    with pytest.raises(ConfigError, match="SOCORS_ALIAS_FOLDER"):
        alias_table.own_folder(tmp_path / "link")


def test_a_secret_that_does_not_open_with_the_key_file_is_counted_and_harms_nobody_else(tmp_path):
    built = Built(tmp_path, 5)
    built.rows.secrets = built.rows.secrets.copy()
    built.rows.secrets[2, 30] ^= 1
    built.build()
    assert built.builder.unopened == 1
    assert [row for row in range(5) if built.opens(row)] == [0, 1, 3, 4]


def test_a_dictionary_of_few_devices_finds_what_was_heard_long_ago(tmp_path):
    built = Built(tmp_path, 3)
    for row in range(3):
        built.resolver.put(KnownDevice(row + 1, Keys(built.secrets[row].tobytes()), NOW, NOW))
    for hours in (0, 5, 40, 700):
        heard = NOW - timedelta(hours=hours)
        index = int(heard.timestamp()) // kinds.ALIAS_PERIOD_S
        assert all(
            built.opens(row, CLOCK_MODE, index + step, heard) for row in range(3) for step in (-1, 0, 1)
        )


def size_that_fits(tmp_path):
    """A million devices where this machine builds them within a minute, else a hundred thousand."""
    began = time.monotonic()
    Built(tmp_path / "try", 10_000).build()
    return 1_000_000 if (time.monotonic() - began) * 100 < 45 else 100_000


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_in_a_very_large_fleet_every_look_up_is_right_collisions_are_tried_and_noise_is_refused(tmp_path):
    built = Built(tmp_path / "fleet", size_that_fits(tmp_path), processes=2)
    size = len(built.rows)
    built.build()
    draw = random.Random(1)
    for _ in range(3000):
        row = draw.randrange(size)
        assert built.opens(row, CLOCK_MODE, PERIOD + draw.choice((-1, 0, 1)))
        assert built.opens(row, RECOVERY_MODE, draw.randrange(9))
    table = built.resolver.table
    aliases = np.asarray(table._entry) >> np.uint64(alias_table.ROW_BITS)
    shared = np.flatnonzero(aliases[1:] == aliases[:-1])
    # So many pairs are to be expected among 40-bit aliases: 102 with a million devices, 1 with a tenth of them.
    assert len(shared) >= (20 if size == 1_000_000 else 0)
    for position in shared.tolist()[:50]:
        candidates = table.candidates(int(aliases[position]).to_bytes(5, "big"))
        assert len(candidates) >= 2
        assert all(built.opens(*candidate) for candidate in candidates)
    noise = Resolver(built.wrapper.unwrap)
    noise.use(noise.prepared(table))
    assert all(noise.open(b"\x11" + os.urandom(23), NOW) is None for _ in range(20_000))
