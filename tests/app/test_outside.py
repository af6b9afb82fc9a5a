"""What a device with a modem remembers through deep sleep."""

from app.outside import FIELDS, Fix, Outside
from sos_wire import kinds

BEACH = Fix(412_649_000, 19_866_000, 8, 1000)


def test_there_is_no_fix_until_one_was_found_and_then_it_is_the_last_one():
    outside = Outside()
    assert outside.fix is None
    outside.found(BEACH)
    assert outside.fix is not None
    assert (outside.fix.lat_e7, outside.fix.lon_e7, outside.fix.radius_m, outside.fix.at_s) == (
        412_649_000,
        19_866_000,
        8,
        1000,
    )


def test_counters_that_ran_over_their_field_are_kept_at_its_end():
    outside = Outside()
    outside.failures, outside.moved_s = 1000, 100_000
    values = dict(zip([row[0] for row in FIELDS], outside.values(), strict=True))
    assert (values["failures"], values["moved_s"]) == (255, 65_535)


def test_a_fault_is_news_once_and_again_after_it_was_mended():
    outside = Outside()
    assert outside.fault(kinds.FAULT_BROKER, 50)
    assert not outside.fault(kinds.FAULT_BROKER, 60)
    assert outside.faulty_since_s == 50
    outside.told = outside.texted = kinds.FAULT_BROKER
    assert outside.works(kinds.FAULT_BROKER | kinds.FAULT_CERTIFICATE)
    assert (outside.faults, outside.told, outside.texted) == (0, 0, 0)
    assert outside.fault(kinds.FAULT_BROKER, 70)
    assert not outside.works(kinds.FAULT_SIM)


def test_a_modem_that_cannot_name_its_cell_does_not_make_the_last_one_forgotten():
    outside = Outside()
    outside.heard_cell({"mcc": 214, "mnc": 7, "tac": 4660, "cell": 99, "rssi_dbm": -87})
    outside.heard_cell({"mcc": 0, "mnc": 0, "tac": 0, "cell": 0, "rssi_dbm": 0})
    assert (outside.mcc, outside.mnc, outside.tac, outside.cell, outside.rssi_dbm) == (214, 7, 4660, 99, -87)


def test_who_is_seen_moving_has_moved_since_the_last_look_but_no_longer_than_a_quarter_of_an_hour():
    outside = Outside()
    outside.looked(False, 1000)
    outside.looked(True, 1600)
    assert outside.moved_s == 600
    outside.looked(False, 2000)
    assert outside.moved_s == 600
    outside.looked(True, 10_000)
    assert outside.moved_s == 1500


def test_the_age_of_a_fix_is_reckoned_at_the_events_own_time_where_clocks_tell():
    # Found at 1000 of the running clock, sealed at 1060; the event happened 20 s before that.
    assert Outside.age_s(BEACH, 5060, 5040, 1060) == 40
    assert Outside.age_s(BEACH, 5060, 5000, 1060) == 0
    assert Outside.age_s(BEACH, 5060, 4000, 1060) == 0  # a fix younger than the event
    assert Outside.age_s(BEACH, None, 0, 1060) == 60


def test_an_age_beyond_the_field_is_its_end_and_never_unknown():
    assert Outside.age_s(BEACH, None, 0, 1000 + 10**6) == kinds.AGE_UNKNOWN - 1
