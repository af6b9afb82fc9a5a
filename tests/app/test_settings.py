"""The device's settings file: whatever is wrong in it, the device starts, and what is right in it holds."""

import json

import pytest
import settings


def loaded(tmp_path, content):
    file = tmp_path / "settings.json"
    file.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return settings.load(str(file))


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"nonsense", None, 5, [], ["silent_hold"], "text"])
def test_a_file_that_is_no_object_gives_the_defaults_and_says_so(tmp_path, content):
    found, complaint = loaded(tmp_path, b"null" if content is None else content)
    assert all(getattr(found, name) == default for name, default, _, _ in settings.TABLE)
    assert all(getattr(found, name) == choices[0] for name, choices in settings.CHOICES)
    assert complaint


@pytest.mark.parametrize("wrong", [{"awake_s": 5}, {"listen_ms": "2"}, {"a_later_firmwares": 1}])
def test_one_wrong_setting_does_not_make_a_silent_hold_loud(tmp_path, wrong):
    found, complaint = loaded(tmp_path, {"silent_hold": 1, "silent_tick": 0, **wrong})
    assert (found.silent_hold, found.silent_tick) == (1, 0)
    assert (found.awake_s, found.listen_ms) == (600, 1500)
    assert next(iter(wrong)) in complaint


@pytest.mark.parametrize("where", ["trunk", "wrist"])
def test_it_is_worn_where_the_file_says_and_at_the_trunk_where_it_says_nothing(tmp_path, where):
    assert settings.Settings({}).worn_at == "trunk"
    found, complaint = loaded(tmp_path, {"worn_at": where})
    assert (found.worn_at, complaint) == (where, None)


@pytest.mark.parametrize("wrong", ["ankle", "Wrist", "", 1, 0, None, ["wrist"], {"wrist": 1}])
def test_a_wrong_place_gets_one_sentence_and_is_taken_for_the_trunk(tmp_path, wrong):
    found, complaint = loaded(tmp_path, {"worn_at": wrong, "silent_hold": 1})
    assert (found.worn_at, found.silent_hold) == ("trunk", 1)
    assert complaint == "setting worn_at must be trunk or wrist: defaults are used"


def test_a_right_file_holds_and_none_is_no_fault(tmp_path):
    assert loaded(tmp_path, {"decoys_per_day": 3})[0].decoys_per_day == 3
    assert loaded(tmp_path, {"decoys_per_day": 3})[1] is None
    assert settings.load(str(tmp_path / "none"))[1] is None
