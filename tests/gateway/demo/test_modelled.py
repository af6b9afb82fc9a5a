"""The modelled column: what real radios, houses and a boot out of deep sleep would add to the measured chain."""

import csv

import pytest
from sos_gateway.demo import modelled
from sos_gateway.demo.figures import QUANTITIES, Latencies


def chain(samples=400, ms=10.0):
    found = Latencies()
    for quantity in QUANTITIES:
        getattr(found, quantity).extend([ms] * samples)
    return found


def rows():
    with modelled.RADIO.open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_delay_is_a_triangle_with_a_source_and_goes_into_a_known_figure():
    for row in rows():
        low, likely, high = (float(row[name]) for name in ("low_ms", "likely_ms", "high_ms"))
        assert 0 <= low <= likely <= high, row
        assert len(row["source"]) > 20, row
        assert set(row["used_in"].split("+")) <= set(QUANTITIES), row
    assert len({row["name"] for row in rows()}) == len(rows())


def test_every_figure_gets_delays():
    for quantity in QUANTITIES:
        assert any(quantity in row["used_in"].split("+") for row in rows()), quantity


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_a_modelled_figure_lies_between_the_sums_of_the_lows_and_the_highs(quantity):
    ours = [row for row in rows() if quantity in row["used_in"].split("+")]
    low, high = (sum(float(row[name]) for row in ours) for name in ("low_ms", "high_ms"))
    figure = modelled.modelled(chain())["awake"][quantity]
    assert 10 + low <= figure["median"] <= figure["p99"] <= figure["max"] <= 10 + high
    assert figure["n"] == 400


def test_a_hold_out_of_sleep_is_complete_when_the_firmware_counts_a_second_and_an_answer_is_as_it_was():
    from app import gestures

    figures = modelled.modelled(chain())
    boot = modelled.boot_ms()
    # What the firmware really does: woken by the button, first looked at after the boot, held on.
    recognizer = gestures.Recognizer()
    recognizer.woke(True, boot)
    complete_ms = next(t for t in range(int(boot), 3000) if recognizer.sample(True, t) == gestures.SOS)
    for name in ("median", "p99", "max"):
        for quantity in ("press_to_desk_ms", "press_to_received_ms"):
            late = figures["from_sleep"][quantity][name] - figures["awake"][quantity][name]
            assert late == pytest.approx(complete_ms - gestures.HOLD_MS, abs=1.1)
        assert figures["from_sleep"]["accept_to_felt_ms"] == figures["awake"]["accept_to_felt_ms"]


def test_the_boot_is_the_one_of_the_power_budget():
    assert 200 <= modelled.boot_ms() <= 400


def test_the_same_chain_gives_the_same_column():
    assert modelled.modelled(chain()) == modelled.modelled(chain())


def test_no_sample_gives_no_figure():
    assert modelled.modelled(Latencies())["awake"]["press_to_desk_ms"]["median"] is None


# The watches.


def lte_rows():
    with modelled.RADIO_LTE.open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_delay_of_lte_has_its_milliseconds_in_one_place_alone_and_a_reason():
    for row in lte_rows():
        own = [row[name] for name in ("low_ms", "likely_ms", "high_ms") if row[name]]
        assert bool(row["taken_from"]) != bool(own), row
        assert len(row["source"]) > 10, row
        assert set(row["used_in"].split("+")) <= set(QUANTITIES), row
        assert set(row["when"].split("+")) <= {"awake", "from_sleep"}, row
    for delay in modelled.lte_delays():
        assert 0 <= delay.low_ms <= delay.likely_ms <= delay.high_ms
    assert len({row["name"] for row in lte_rows()}) == len(lte_rows())


@pytest.mark.parametrize("quantity", QUANTITIES)
@pytest.mark.parametrize("when", ["awake", "from_sleep"])
def test_a_modelled_figure_of_lte_lies_between_the_sums_of_the_lows_and_the_highs(quantity, when):
    ours = [row for row in modelled.lte_delays() if quantity in row.used_in and when in row.when]
    assert ours
    low, high = (sum(getattr(row, name) * row.times for row in ours) for name in ("low_ms", "high_ms"))
    if when == "from_sleep" and quantity.startswith("press"):
        late = modelled.boot_ms("watch") - modelled.boot_in_hold_ms()
        low, high = low + late, high + late
    figure = modelled.modelled_lte(chain())[when][quantity]
    assert 10 + low <= figure["median"] <= figure["p99"] <= figure["max"] <= 10 + high
    assert figure["n"] == 400


def test_what_is_told_a_watch_that_is_connected_does_not_know_that_it_slept():
    figures = modelled.modelled_lte(chain())
    assert figures["awake"]["accept_to_felt_ms"] == figures["from_sleep"]["accept_to_felt_ms"]
