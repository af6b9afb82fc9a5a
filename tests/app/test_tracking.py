"""Where the wearer is: which fixes are kept, and when the receiver may make the modem deaf."""

import math

import pytest
from app import tracking
from app.alarm import Event
from app.outside import Fix
from sos_wire import kinds

METRES_PER_DEGREE = 111_195


def fix(at_s, north_m=0.0, east_m=0.0, lat=41.2649, lon=1.9866):
    lat += north_m / METRES_PER_DEGREE
    lon += east_m / METRES_PER_DEGREE / math.cos(math.radians(lat))
    return Fix(round(lat * 1e7), round(lon * 1e7), 8, at_s)


@pytest.mark.parametrize("lat", [0.0, 23.4, 41.3, 60.2, -33.9])
@pytest.mark.parametrize("north, east", [(0, 20), (20, 0), (300, -400), (-5000, 12_000)])
def test_distances_are_right_to_a_per_cent(lat, north, east):
    true_m = math.hypot(north, east)
    told_m = tracking.metres(fix(0, lat=lat), fix(0, north, east, lat=lat))
    assert abs(told_m - true_m) <= 1 + true_m / 100


def test_the_date_line_is_no_distance():
    assert tracking.metres(Fix(0, 1_799_999_000, 5, 0), Fix(0, -1_799_999_000, 5, 0)) < 30


def test_a_fix_is_kept_every_ten_seconds_or_twenty_metres():
    track = tracking.Track()
    assert track.take(fix(0))
    assert not track.take(fix(5, 10))
    assert track.take(fix(6, 25))
    assert not track.take(fix(15, 25))
    assert track.take(fix(16, 25))
    assert [kept.at_s for kept in track.fixes] == [0, 6, 16]


def test_a_track_is_bounded_and_tells_the_whole_way_in_less_detail():
    track = tracking.Track()
    for second in range(0, 1000, 10):
        track.take(fix(second, second * 3))
    times = [kept.at_s for kept in track.fixes]
    assert len(times) <= tracking.MOST_FIXES
    assert (times[0], times[-1]) == (0, 990)
    assert times == sorted(times)


def test_waiting_positions_are_thinned_beyond_two_messages_and_the_newest_stays():
    positions = list(range(40))
    gone = tracking.too_many(positions)
    assert len(positions) - len(gone) <= 2 * tracking.MOST_FIXES
    assert 39 not in gone
    assert tracking.too_many(list(range(32))) == []


def taken(*place):
    found = tracking.fix_of(said(*place), 5)
    assert found is not None
    return found


def said(lat_e7, lon_e7, radius_m=12):
    return {"lat_e7": lat_e7, "lon_e7": lon_e7, "radius_m": radius_m}


def test_what_is_no_place_on_earth_is_no_fix_and_neither_is_nought_nought():
    assert tracking.fix_of(said(0, 0), 5) is None
    assert tracking.fix_of(said(910_000_000, 0), 5) is None
    assert tracking.fix_of(said(0, -1_800_000_001), 5) is None
    assert taken(412_649_000, 19_866_000).at_s == 5


def test_a_radius_is_never_nought_which_would_mean_unknown_nor_beyond_its_field():
    assert taken(1, 1, 0).radius_m == 1
    assert taken(1, 1, 10**6).radius_m == 65_535


def test_the_start_is_hot_warm_or_cold_by_the_age_of_the_last_fix_and_cold_without_power_since():
    assert tracking.start_kind(60, True) == "hot"
    assert tracking.start_kind(86_400, True) == "warm"
    assert tracking.start_kind(60 * 86_400, True) == "cold"
    assert tracking.start_kind(None, True) == "cold"
    assert tracking.start_kind(60, False) == "cold"


def test_a_turn_ends_with_its_time_and_a_search_without_a_fix_goes_on_for_a_cold_start():
    assert not tracking.turn_is_over(29, [fix(0)], 30)
    assert tracking.turn_is_over(30, [fix(0)], 30)
    assert not tracking.turn_is_over(30, [], 30)
    assert tracking.turn_is_over(tracking.SEARCH_S, [], 30)


def test_searches_that_find_nothing_come_further_and_further_apart_but_never_end():
    rests = [tracking.rest_after_s(n, 30) for n in range(12)]
    assert rests[0] == 30
    assert rests == sorted(rests)
    assert rests[-1] <= 600


def alarm(state=-1, born_ms=0):
    event = Event(1, 1, kinds.SOS)
    event.state, event.born_ms = state, born_ms
    return event


def test_the_receiver_is_switched_on_only_after_an_answer_or_twenty_seconds_without_one():
    assert tracking.turn_due_ms([], 1000, -1, 5000) == -1
    assert tracking.turn_due_ms([alarm()], 1000, -1, 5000) == 19_000
    assert tracking.turn_due_ms([alarm()], 20_000, -1, 5000) == 0
    assert tracking.turn_due_ms([alarm(kinds.RECEIVED)], 1000, 900, 5000) == 4900
    assert tracking.turn_due_ms([alarm(kinds.RECEIVED)], 6000, 900, 5000) == 0


def test_an_officers_quick_accept_begins_the_stay_on_the_air_anew():
    assert tracking.turn_due_ms([alarm(kinds.ACCEPTED)], 5000, 4500, 5000) == 4500


def test_one_more_press_puts_the_receiver_off_until_it_has_its_answer_too():
    assert tracking.turn_due_ms([alarm(kinds.RECEIVED), alarm(born_ms=50_000)], 50_000, 900, 5000) == 20_000


def test_what_is_closed_or_no_alarm_is_not_tracked():
    assert tracking.turn_due_ms([alarm(kinds.CLOSED), Event(1, 2, kinds.HEARTBEAT)], 60_000, 900, 0) == -1


def test_a_fix_of_the_last_half_minute_is_not_looked_for_again():
    assert tracking.is_fresh(fix(100), 129)
    assert not tracking.is_fresh(fix(100), 130)
    assert not tracking.is_fresh(None, 130)
