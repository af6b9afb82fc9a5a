"""The spool on a real disk: killed in the middle, full, unwritable, broken; what it returned is kept until receipted."""

import random
import sqlite3
import subprocess
import sys
import threading

from sos_gateway.hub.spool import UNSPOOLED, Spool

NOW_MS = 1_800_000_000_000
EVERYTHING = (NOW_MS + 10, 0, lambda n: False)


def heard(count, first=0):
    return [(NOW_MS + n, -60, n.to_bytes(24, "big")) for n in range(first, first + count)]


def numbers(spool, limit=10_000):
    return [kept.n for kept in spool.waiting(limit, *EVERYTHING)]


# A child that keeps packs of frames and prints the numbers of each pack once `keep` has returned them.
WRITER = """
import sys
from sos_gateway.hub.spool import Spool
spool = Spool(sys.argv[1])
for pack in range(100_000):
    kept = spool.keep([(pack, -60, pack.to_bytes(12, "big") + bytes([i]) * 12) for i in range(3)])
    print(*(f"{k.n}:{k.frame.hex()}" for k in kept), flush=True)
"""


def test_whatever_keep_has_returned_is_there_after_kill_9_in_the_middle_of_writes(tmp_path):
    draw, promised = random.Random(11), {}
    for _ in range(8):
        child = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path / "spool.db")], stdout=subprocess.PIPE, text=True
        )
        for _ in range(draw.randrange(1, 60)):
            promised |= dict(word.split(":") for word in child.stdout.readline().split())
        child.kill()
        rest = child.stdout.read()
        whole = rest[: rest.rfind("\n") + 1]  # the last line may have been cut off by the kill
        promised |= dict(word.split(":") for word in whole.split())
        child.wait()
        spool = Spool(tmp_path / "spool.db")
        there = {str(kept.n): kept.frame.hex() for kept in spool.waiting(100_000, *EVERYTHING)}
        assert promised.items() <= there.items()
        assert len(spool) == len(there)
        spool.close()
    assert len(promised) > 24


def test_a_receipt_erases_exactly_what_it_names(tmp_path):
    spool = Spool(tmp_path / "spool.db")
    spool.keep(heard(20))
    assert spool.erase([[3, 5], [9, 9], [19, 400]]) == 6
    left = [n for n in range(1, 21) if n not in (3, 4, 5, 9, 19, 20)]
    assert numbers(spool) == left[::-1]
    assert len(spool) == len(left)
    assert spool.erase([[3, 5]]) == 0


def test_a_spool_from_before_there_were_texts_is_opened_and_keeps_what_it_holds(tmp_path):
    with sqlite3.connect(tmp_path / "spool.db") as old:
        old.execute(
            "CREATE TABLE frame (n INTEGER PRIMARY KEY AUTOINCREMENT, heard_ms INTEGER NOT NULL, "
            "rssi INTEGER NOT NULL, frame BLOB NOT NULL)"
        )
        old.execute("INSERT INTO frame (heard_ms, rssi, frame) VALUES (?, -60, ?)", (NOW_MS, bytes(24)))
    old.close()
    spool = Spool(tmp_path / "spool.db")
    spool.keep(heard(1, first=1), "sms")
    assert [(kept.n, kept.via) for kept in spool.waiting(10, *EVERYTHING)] == [(2, "sms"), (1, "ble")]


def test_a_number_is_never_given_twice_even_when_the_newest_frames_were_erased_before_a_restart(tmp_path):
    spool = Spool(tmp_path / "spool.db")
    last = spool.keep(heard(5))[-1].n
    spool.erase([[1, last]])
    spool.close()
    again = Spool(tmp_path / "spool.db")
    assert again.keep(heard(1))[0].n == last + 1
    assert again.name == spool.name


def test_a_full_spool_lets_frames_pass_unspooled_says_so_and_erases_nothing(tmp_path):
    spool = Spool(tmp_path / "spool.db", most=5)
    spool.keep(heard(4))
    passed = spool.keep(heard(3, first=50))
    assert [kept.n for kept in passed] == [UNSPOOLED] * 3
    assert [kept.frame for kept in passed] == [row[2] for row in heard(3, first=50)]
    assert spool.failed == 3
    assert "full" in spool.trouble
    assert numbers(spool) == [4, 3, 2, 1]
    spool.erase([[1, 3]])
    assert spool.keep(heard(1))[0].n != UNSPOOLED
    assert spool.trouble == ""


# The soft limit on the size of files makes every write fail as a full disk does; lifted, the disk has room again.
DISK = """
import resource, sys
from sos_gateway.hub.spool import Spool
spool = Spool(sys.argv[1])
spool.keep([(n, -60, n.to_bytes(24, "big")) for n in range(50)])
everything = (10**9, 0, lambda n: False)
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard))
passed = spool.keep([(0, -60, bytes(24))] * 2)
print([k.n for k in passed], spool.failed, bool(spool.trouble), spool.erase([[1, 50]]), len(spool))
print(len(spool.waiting(1000, *everything)))
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
kept = spool.keep([(0, -60, bytes(24))])
print(kept[0].n > 50, repr(spool.trouble), spool.erase([[1, 10]]), len(spool.waiting(1000, *everything)))
"""


def test_a_disk_that_takes_no_more_lets_frames_pass_keeps_the_rest_and_recovers(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", DISK, str(tmp_path / "spool.db")], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["[0, 0] 2 True 0 50", "50", "True '' 10 41"]


def test_a_spool_that_cannot_be_opened_lets_frames_pass_and_is_used_once_it_can_be(tmp_path):
    folder = tmp_path / "not mounted yet"
    spool = Spool(folder / "spool.db")
    assert spool.trouble
    assert spool.keep(heard(1))[0].n == UNSPOOLED
    assert spool.erase([[1, 5]]) == 0
    assert numbers(spool) == []
    folder.mkdir()
    assert spool.keep(heard(1))[0].n == 1
    assert spool.trouble == ""


def test_a_broken_file_lets_frames_pass_and_is_left_as_it_is(tmp_path):
    path = tmp_path / "spool.db"
    path.write_bytes(b"this was a database once" * 400)
    spool = Spool(path)
    assert spool.keep(heard(1))[0].n == UNSPOOLED
    assert "not a database" in spool.trouble
    assert path.read_bytes() == b"this was a database once" * 400


def test_nobody_sees_what_is_not_yet_committed(tmp_path):
    spool = Spool(tmp_path / "spool.db")
    seen, done = set(), threading.Event()

    def look():
        other = sqlite3.connect(tmp_path / "spool.db")
        while not done.is_set():
            for kept in spool.waiting(1000, *EVERYTHING):
                # What is on disk is what a connection of its own sees.
                assert other.execute("SELECT count(*) FROM frame WHERE n = ?", (kept.n,)).fetchone()[0]
                seen.add(kept.n)

    errors = []
    looking = threading.Thread(target=lambda: _noting(look, errors))
    looking.start()
    kept = [n.n for pack in range(60) for n in spool.keep(heard(3, first=3 * pack))]
    while not errors and not seen.issuperset(kept):
        pass
    done.set()
    looking.join()
    assert not errors


def _noting(function, errors):
    try:
        function()
    except (AssertionError, sqlite3.Error) as error:
        errors.append(error)


def test_what_waits_comes_newest_first_past_any_number_that_is_under_way(tmp_path):
    spool = Spool(tmp_path / "spool.db")
    spool.keep(heard(1000))
    assert [k.n for k in spool.waiting(3, NOW_MS + 2000, 0, lambda n: n > 20)] == [20, 19, 18]


def test_a_frame_heard_a_moment_ago_is_left_alone_and_one_from_before_the_clock_was_set_is_not(tmp_path):
    spool = Spool(tmp_path / "spool.db")
    spool.keep([(NOW_MS - 5000, -60, b"old"), (NOW_MS - 200, -60, b"new")])
    spool.keep([(NOW_MS + 10**10, -60, b"future")])
    waiting = spool.waiting(10, NOW_MS, 1000, lambda n: False)
    assert [kept.frame for kept in waiting] == [b"future", b"old"]
