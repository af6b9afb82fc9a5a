"""The simulator's control of a watch: its modem's misbehaviours, its delays, the sky."""

import urllib.error

import pytest


@pytest.mark.system
def test_a_watch_is_added_beside_a_pendant_and_its_modem_can_be_made_to_misbehave(simulator):
    simulator.add(1)
    simulator.add(2, board="watch")
    assert simulator.ask("/devices/1")["board"] == "pendant"
    assert "modem" not in simulator.ask("/devices/1")
    state = simulator.ask("/devices/2")
    assert state["board"] == "watch"
    assert state["modem"]["load"] == "modem_off"
    assert state["pins"]["usb_sense"] == 0
    simulator.ask("/devices/2/usb", {"attached": True})
    assert simulator.ask("/devices/2")["pins"]["usb_sense"] == 1
    simulator.ask("/devices/2/modem", {"fault": "no_sim"})
    simulator.ask("/devices/2/modem", {"fault": "connect_hangs_s", "value": 60, "delays": 0})
    said = simulator.ask("/devices/2")["modem"]
    assert said["faults"] == {"no_sim": True, "connect_hangs_s": 60}
    assert said["delays"] == 0
    assert simulator.ask("/devices/2/modem", {"clear": True})["faults"] == {}


@pytest.mark.system
def test_the_wearer_walks_under_the_sky_and_goes_indoors(simulator):
    simulator.add(2, board="watch")
    there = simulator.ask("/devices/2/sky", {"lat": 41.2649, "lon": 1.9866, "indoors": True})
    assert there == {"lat": 41.2649, "lon": 1.9866, "indoors": True}
    on_the_way = simulator.ask("/devices/2/sky", {"lat": 41.3, "lon": 1.9866, "within_s": 3600})
    assert 41.2649 <= on_the_way["lat"] < 41.27
    assert on_the_way["indoors"] is True


@pytest.mark.system
@pytest.mark.parametrize(
    ("number", "path", "said", "status"),
    [
        (1, "modem", {"fault": "no_sim"}, 404),
        (1, "sky", {"indoors": True}, 404),
        (2, "modem", {"fault": "catches fire"}, 422),
        (3, "modem", {"clear": True}, 404),
    ],
)
def test_what_a_device_does_not_have_is_said(simulator, number, path, said, status):
    simulator.add(1)
    simulator.add(2, board="watch")
    with pytest.raises(urllib.error.HTTPError) as refused:
        simulator.ask(f"/devices/{number}/{path}", said)
    assert refused.value.code == status
