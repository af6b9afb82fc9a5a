"""docs/wire.md says what the code does: every table with a number in it is compared with sos_wire."""

import ast
import json
import re
from pathlib import Path

from sos_gateway import down
from sos_gateway.domain import own_time
from sos_gateway.hub import relay
from sos_gateway.ingest import envelope, windows
from sos_wire import advert, evidence, frame, kinds, seal, topics

ROOT = Path(__file__).parents[2]
PAPER = (ROOT / "docs" / "wire.md").read_text()
TYPES = {"u8": "B", "u16": "H", "u32": "I", "int8": "b", "int32": "i"}


def section(title: str) -> str:
    """Return the text below the heading that begins so, up to the next heading of its rank or a higher one."""
    found = re.search(rf"^(#+) (?:\d+\. )?{re.escape(title)}[^\n]*$", PAPER, re.MULTILINE)
    assert found, f"there is no heading {title}"
    rest = PAPER[found.end() :]
    end = re.search(rf"^#{{1,{len(found[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def tables(title: str) -> list[list[list[str]]]:
    """Return the tables of a section without their heads: rows of cells, backticks gone."""
    found: list[list[list[str]]] = []
    before = ""
    for line in section(title).splitlines():
        if line.startswith("|"):
            if not before.startswith("|"):
                found.append([])
            found[-1].append([cell.strip().replace("`", "") for cell in line.strip("|").split("|")])
        before = line
    return [rows[2:] for rows in found]


def columns(rows: list[list[str]], *which: int) -> list[tuple[str, ...]]:
    return [tuple(row[i] for i in which) for row in rows]


def test_the_sizes():
    short, full = kinds.FORM_SHORT, kinds.FORM_FULL
    assert {name: int(size) for name, size in tables("Sizes")[0]} == {
        "header": kinds.HEADER_BYTES,
        "alias": kinds.ALIAS_BYTES,
        "tag": kinds.TAG_BYTES,
        "body, short form": kinds.BODY_BYTES[short],
        "body, full form": kinds.BODY_BYTES[full],
        "frame, short form": kinds.FRAME_BYTES[short],
        "frame, full form": kinds.FRAME_BYTES[full],
        "body, piece of evidence": kinds.BODY_BYTES[kinds.FORM_EVIDENCE],
        "frame, piece of evidence": kinds.FRAME_BYTES[kinds.FORM_EVIDENCE],
        "secret": kinds.SECRET_BYTES,
        "advertisement": len(advert.build(bytes(24))),
    }
    for form in (short, full, kinds.FORM_EVIDENCE):
        assert f"`0x{kinds.VERSION << 4 | form:02x}`" in section("Sizes")


def test_the_keys_are_made_from_the_labels_told():
    secret = bytes(range(32))
    made = {name: seal._Hmac(secret).digest(label.encode()) for name, label in tables("Keys")[0]}
    keys = seal.Keys(secret)
    assert keys.alias_key == made["alias"]
    body = frame.encode_short(frame.short(1, 2, kinds.SOS))
    alias = keys.alias(seal.CLOCK_MODE, 5)
    for direction, sealed in (("up", keys.seal_up), ("down", keys.seal_down)):
        pair = seal._Direction(made[f"{direction}, tag"], made[f"{direction}, encryption"])
        assert sealed(alias, 1, body) == pair.seal(b"\x11" + alias, body)


def test_the_alias_modes_and_periods():
    modes = tables("The alias")[0]
    assert columns(modes, 0) == [
        (f"{seal.CLOCK_MODE}, clock",),
        (f"{seal.RECOVERY_MODE}, recovery",),
    ]
    assert f"÷ {kinds.ALIAS_PERIOD_S}," in modes[0][2]
    assert f"every {kinds.RECOVERY_STEP_S} s" in modes[1][2]


def test_the_short_forms_fields_are_in_the_order_of_their_bytes():
    rows = tables("Short form")[0]
    assert [row[0] for row in rows] == list(frame.Short._fields[:6])
    assert sum(int(row[1]) for row in rows) == 8 * kinds.BODY_BYTES[kinds.FORM_SHORT]
    body, at = bytes(range(1, 11)), 0
    read = frame.decode_short(body)
    for name, bits, *_ in rows:
        size = int(bits) // 8
        assert getattr(read, name) == int.from_bytes(body[at : at + size], "big")
        at += size
    plain = read._replace(flags=0)
    for name, _, lowest, highest, _ in rows:
        frame.encode_short(plain._replace(**{name: int(lowest)}))
        frame.encode_short(plain._replace(**{name: int(highest)}))
        for outside in (int(lowest) - 1, int(highest) + 1):
            try:
                frame.encode_short(plain._replace(**{name: outside}))
            except frame.FrameError:
                continue
            raise AssertionError(f"{name} = {outside} is written although the paper says it is not")


def test_the_full_forms_fields_types_and_ranges():
    told = [
        (name, TYPES[kind], int(low), int(high)) for name, kind, low, high, _, _ in tables("Full form")[0]
    ]
    assert told == list(frame.FULL_FIELDS)


def test_what_is_unknown_in_the_full_form():
    nothing = frame.full(1, 1, kinds.SOS)
    for name, _, _, _, _, unknown in tables("Full form")[0]:
        if unknown:
            assert getattr(nothing, name) == int(unknown), name


def test_the_evidences_fields_and_what_its_samples_are():
    fields, measures = tables("Evidence")
    assert [row[0] for row in fields] == list(evidence.Piece._fields)
    assert sum(int(row[1]) for row in fields) == 8 * kinds.BODY_BYTES[kinds.FORM_EVIDENCE]
    assert int(fields[2][3]) == evidence.PIECES - 1
    assert {name: int(value) for name, value in measures} == {
        "samples": evidence.SAMPLES,
        "samples a second": evidence.RATE_HZ,
        "milli-g a count": evidence.UNIT_MG,
        "the sample of the blow": evidence.BLOW,
        "bytes": evidence.BYTES,
        "samples in a piece": evidence.PIECE_SAMPLES,
        "pieces": evidence.PIECES,
    }


def test_the_down_frames_fields_and_states():
    fields, states = tables("Down frame")
    told = [(name, TYPES[kind], int(low), int(high)) for name, kind, low, high, _ in fields]
    assert told == list(frame.DOWN_FIELDS)
    assert columns(states, 0, 1) == [(str(n), name) for n, name in enumerate(kinds.STATE_NAMES)]


def test_the_kinds_their_numbers_and_what_they_do():
    def opens(kind: int) -> str:
        return "yes" if kind in kinds.ALARMS else "by settings" if kind in kinds.CONDITIONAL_ALARMS else ""

    assert columns(tables("Kinds")[0], 0, 1, 2, 3) == [
        (str(kind), name, opens(kind), "yes" if kind in kinds.REFERRING else "")
        for kind, name in enumerate(kinds.NAMES)
        if name
    ]


def test_the_flags():
    flags = (
        kinds.PENDING,
        kinds.CLOCK_VALID,
        kinds.CHARGING,
        kinds.WORN,
        kinds.FULL_WAITING,
        kinds.NOT_JOURNALLED,
        kinds.FAULT,
    )
    assert columns(tables("Flags")[0], 0, 1) == [
        (str(bit), f"0x{value:02x}") for bit, value in enumerate(flags)
    ]
    assert sum(flags) == kinds.FLAGS_ALL


def test_the_faults():
    named = {name: getattr(kinds, f"FAULT_{name.upper()}") for name in kinds.FAULT_NAMES}
    assert columns(tables("Faults")[0], 0, 1) == [(str(n), name) for n, name in enumerate(kinds.FAULT_NAMES)]
    assert list(named.values()) == [1 << bit for bit in range(len(kinds.FAULT_NAMES))]


def test_the_gatt_table():
    assert dict(columns(tables("Over GATT")[0], 0, 1)) == {
        "service": kinds.GATT_SERVICE,
        "up": kinds.GATT_UP,
        "down": kinds.GATT_DOWN,
    }


def test_the_topics():
    told = [row[0] for row in tables("Over MQTT")[0]]
    assert told == [topics.hub("{hub}", lane) for lane in ("up", "backlog", "down", "receipt")]
    assert topics.device(7, "alarm").replace("/7/", "/{device}/") in section("Over MQTT")


def test_the_messages_between_hub_and_gateway():
    message, heard, written = tables("From a hub: `up` and `backlog`")
    assert [row[0] for row in message] == list(envelope.FromHub.model_fields)
    assert [row[0] for row in heard] == list(envelope.HeardFrame.model_fields)
    assert [row[0] for row in written] == list(envelope.Written.model_fields)
    receipt, order = tables("To a hub: `receipt` and `down`")
    assert [row[0] for row in receipt] == list(json.loads(envelope.receipt("00000000", [1])))
    hub_pattern = envelope.FromHub.model_json_schema()["properties"]["hub"]["pattern"]
    assert f"`{hub_pattern}`" in section("From a hub: `up` and `backlog`")
    now = envelope.datetime.now()
    answer = envelope.Answer("hub1", 0, [], b"", now, 1)
    assert [row[0] for row in order] == list(json.loads(envelope.down(answer, now)))


def test_the_lists_of_vectors():
    vectors = json.loads((ROOT / "firmware/src/sos_wire/vectors.json").read_text())
    told = [row[0] for row in tables("Checking an implementation")[0]]
    assert told == [name for name, value in vectors.items() if isinstance(value, list)]


def constants(path: str) -> dict[str, int]:
    """Return the integer constants of a firmware module that needs a device to be imported."""
    found = {}
    for node in ast.parse((ROOT / "firmware" / "src" / path).read_text()).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            found[node.targets[0].id] = node.value.value
    return found


def test_the_times_told_in_prose():
    ble, alarm = constants("links/ble.py"), constants("app/alarm.py")
    air = section("Short form").replace("\n", " ")
    assert f"{ble['BURST_PDUS']} packets {ble['BURST_INTERVAL_US'] // 1000} ms apart" in air
    assert f"window at {ble['WINDOW_INTERVAL_US'] // 1000} ms" in air
    gatt = section("Over GATT").replace("\n", " ")
    assert f"within {ble['HOLD_MS'] // 1000} s is sent away" in gatt
    assert f"refused for {ble['REFUSE_MS'] // 1000} s" in gatt
    assert f"no more than {alarm['CLOCK_WITHIN_MS'] // 1000} s ago" in section("How the clock is set")
    aliased = section("The alias").replace("\n", " ")
    assert f"the {windows.RECOVERY_AHEAD} after it" in aliased
    assert f"to {windows.RECOVERY_MOST} at the most" in aliased
    assert f"{windows.DRIFT_PER_CENT} % of the time" in aliased
    assert f"({own_time.CLOCK_ERROR_S} s and {own_time.DRIFT_PER_CENT} % of the time" in air
    assert f"after {round(down.NEXT_HUB_AFTER.total_seconds() * 1000)} ms" in section("To a hub")
    felt, kept = section("Evidence").replace("\n", " "), constants("app/evidence.py")
    assert f"stands {kept['SETTLED_MS']} ms after the last" in felt
    assert kept["ROUNDS"] == 8 and "eight rounds at the most" in felt and "eight times at the most" in felt
    live = section("Over MQTT")
    assert f"less than {relay.FRESH_MS // 1000} s ago" in live
    assert f"at most {relay.BACKLOG_RATE} a second" in live
    assert f"when none came within {relay.RECEIPT_S:g} s" in section("To a hub").replace("\n", " ")
