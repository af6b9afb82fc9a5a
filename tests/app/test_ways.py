"""Which ways out an event may take."""

import pytest
from app import ways
from app.alarm import Alarms, Event
from sos_wire import kinds


@pytest.mark.parametrize("kind", range(1, len(kinds.NAMES)))
def test_without_a_modem_everything_goes_over_ble_alone(kind):
    assert ways.of(kind, has_modem=False) == ways.BLE


@pytest.mark.parametrize("kind", [*kinds.ALARMS, kinds.CANCELLED, kinds.FELT])
def test_alarms_and_what_takes_them_back_and_what_was_felt_take_every_way(kind):
    assert ways.of(kind, has_modem=True) == ways.BLE | ways.LTE | ways.SMS


@pytest.mark.parametrize(
    "kind", [kinds.HEARTBEAT, kinds.POSITION, kinds.LOW_BATTERY, kinds.TEST, kinds.RISEN]
)
def test_nothing_else_ever_costs_a_text_message(kind):
    assert not ways.of(kind, has_modem=True) & ways.SMS


def test_a_decoy_is_for_listeners_on_the_air_and_wakes_no_modem():
    assert ways.of(kinds.DECOY, has_modem=True) == ways.BLE


def test_each_way_has_its_own_list_of_what_waits():
    alarms = Alarms()
    sos = alarms.add(Event(1, 1, kinds.SOS), 0)
    heartbeat = alarms.add(Event(1, 2, kinds.HEARTBEAT), 0)
    sos.ways, heartbeat.ways = ways.BLE | ways.LTE, ways.BLE
    assert alarms.to_send(ways.LTE) == [sos]
    assert alarms.to_send(ways.BLE) == [sos, heartbeat]
    assert alarms.to_send(ways.SMS) == []
