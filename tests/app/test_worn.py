"""Wherever the settings say the device is worn, there is a detector for it, new at each wake."""

import settings
from app import fall, worn


def test_every_place_of_the_settings_has_a_detector_that_begins_with_nothing():
    places = dict(settings.CHOICES)["worn_at"]
    assert places == ("trunk", "wrist")
    for place in places:
        one, other = worn.detector(place), worn.detector(place)
        for made in (one, other):
            assert isinstance(made, fall.Detector)
            assert not made.busy()
        one.feed(0, 5000, 0)
        assert one.busy()
        assert not other.busy()
