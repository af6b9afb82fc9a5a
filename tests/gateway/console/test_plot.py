"""The plot of a fall: acceleration where it came, a gap where it did not, the blow marked, everything said in words, too."""

import pytest
from lxml import etree
from sos_gateway.console import i18n, plot
from sos_gateway.domain.evidence import put_together
from sos_wire import evidence as wire

SVG = "{http://www.w3.org/2000/svg}"


def felt(*pieces, blow=(60, 0, 0)):
    triples = [(0, 16, 0)] * wire.SAMPLES
    triples[wire.BLOW] = blow
    raw = bytes(value & 0xFF for triple in triples for value in triple)
    which = pieces or range(wire.PIECES)
    return put_together((i, raw[i * wire.PIECE_BYTES : (i + 1) * wire.PIECE_BYTES]) for i in which)


def drawn(found, language="en"):
    return etree.fromstring(plot.svg(found, language).encode())


def lines(root):
    """Return each line of what was felt as [(x, y)]."""
    found = [line.get("points").split() for line in root.iter(f"{SVG}polyline")]
    return [[tuple(map(float, point.split(","))) for point in line] for line in found]


def test_every_sample_is_a_point_and_the_strongest_stands_highest_on_the_mark_of_the_blow():
    root = drawn(felt())
    (line,) = lines(root)
    assert len(line) == wire.SAMPLES
    highest = min(line, key=lambda point: point[1])
    (mark,) = [node for node in root.iter(f"{SVG}line") if node.get("class") == "blow"]
    assert highest[0] == float(mark.get("x1"))
    assert line.index(highest) == wire.BLOW


def test_nothing_is_drawn_outside_the_picture_however_strong_the_blow():
    for strength in ((0, 0, 0), (127, 127, 127), (-128, -128, -128)):
        (line,) = lines(drawn(felt(blow=strength)))
        assert all(0 <= x <= plot.WIDTH and plot.TOP <= y <= plot.HEIGHT - plot.BOTTOM for x, y in line)


def test_what_did_not_come_is_a_gap_and_no_line_is_drawn_across_it():
    root = drawn(felt(0, 1, 4, 8))
    assert [len(line) for line in lines(root)] == [30, 15, 5]
    missing = [node for node in root.iter(f"{SVG}rect") if node.get("class") == "missing"]
    assert len(missing) == 2


def test_of_a_fall_of_which_nothing_came_nothing_is_drawn():
    root = drawn(put_together([]))
    assert lines(root) == []
    assert root.findtext(f"{SVG}desc") == "Nothing of it has come."


@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_axes_blow_and_description_are_in_the_readers_language(language):
    w = i18n.words(language)
    root = drawn(felt(), language)
    said = [node.text for node in root.iter(f"{SVG}text")]
    assert {w["evidence_axis"], w["evidence_time"], w["evidence_blow"]} <= set(said)
    assert root.findtext(f"{SVG}title") == w["evidence"]
    assert ("3.8 g" if language == "en" else "3,8 g") in root.findtext(f"{SVG}desc")
    assert {"−2", "0", "+3"} <= set(said)


def test_a_blow_beyond_the_range_is_told_as_at_least_so_much():
    assert "≥ 8.1 g" in plot.told(felt(blow=(127, 0, 0)), "en")
    assert "≥" not in plot.told(felt(), "en")
