"""The fake `bluetooth` has the limits of the real one: what passes here must pass on a board. Runs in MicroPython."""

import empty_cable as cable
from empty_cable import raises

UP, DOWN = 4, 7


def radio(active=True):
    import bluetooth

    cable.lay()
    ble = bluetooth.BLE()
    ble.active(active)
    return ble


def table():
    import bluetooth

    characteristics = (
        (bluetooth.UUID(0x1111), bluetooth.FLAG_READ | bluetooth.FLAG_NOTIFY),
        (bluetooth.UUID(0x2222), bluetooth.FLAG_WRITE),
    )
    return ((bluetooth.UUID(0x3333), characteristics),)


def served():
    ble = radio()
    assert ble.gatts_register_services(table()) == ((UP, DOWN),)
    return ble


def test_a_write_longer_than_twenty_bytes_is_cut_silently_until_the_buffer_is_set():
    ble = served()
    cable.hear("ble.write", 1, DOWN, "aa" * 30)
    assert ble.gatts_read(DOWN) == b"\xaa" * 20
    ble.gatts_write(UP, b"\xbb" * 30)
    assert ble.gatts_read(UP) == b"\xbb" * 20
    ble.gatts_set_buffer(DOWN, 200)
    cable.hear("ble.write", 1, DOWN, "cc" * 64)
    assert ble.gatts_read(DOWN) == b"\xcc" * 64
    cable.hear("ble.write", 1, DOWN, "dd" * 240)
    assert len(ble.gatts_read(DOWN)) == 200


def test_an_advertisement_holds_31_bytes_and_comes_no_faster_than_each_20_ms():
    ble = radio()
    assert raises(OSError, lambda: ble.gap_advertise(25_000, adv_data=bytes(32)))
    assert raises(OSError, lambda: ble.gap_advertise(19_999, adv_data=bytes(31)))
    assert "ble.advertise" not in cable.ops()
    ble.gap_advertise(20_000, adv_data=bytes(31))
    assert "ble.advertise" in cable.ops()


def test_a_new_advertisement_replaces_the_old_and_none_keeps_the_data():
    ble = radio()
    ble.gap_advertise(25_000, adv_data=b"\x01")
    ble.gap_advertise(25_000, adv_data=b"\x02")
    ble.gap_advertise(100_000)
    assert [(a[0], a[1]) for op, a in cable.sent if op == "ble.advertise"] == [
        (25_000, "01"),
        (25_000, "02"),
        (100_000, "02"),
    ]


def test_what_an_interrupt_hands_out_is_gone_after_it():
    ble = served()
    kept = []
    ble.irq(lambda event, data: kept.append((event, data[2], bytes(data[2]))))
    cable.hear("ble.connected", 1, "010203040506")
    cable.hear("ble.disconnected", 1, "010203040506")
    assert [event for event, _, _ in kept] == [1, 2]
    for _, lent, copied in kept:
        assert copied == b"\x01\x02\x03\x04\x05\x06"
        assert bytes(lent) == bytes(6)


def test_advertising_ends_when_a_central_connects_and_does_not_come_back_by_itself():
    ble = served()
    ble.gap_advertise(25_000, adv_data=b"\x01")
    cable.hear("ble.connected", 1, "010203040506")
    ble.config(addr_mode=3)  # which is refused while advertising
    cable.hear("ble.disconnected", 1, "010203040506")
    assert cable.ops().count("ble.advertise") == 1
    ble.gap_advertise(25_000)
    assert cable.ops().count("ble.advertise") == 2


def test_nothing_works_while_the_radio_is_off():
    ble = radio(False)
    for work in (
        lambda: ble.gap_advertise(25_000, adv_data=b"\x01"),
        lambda: ble.gap_advertise(None),
        lambda: ble.gatts_register_services(table()),
        lambda: ble.gatts_read(DOWN),
        lambda: ble.gatts_write(UP, b"\x01"),
        lambda: ble.gatts_set_buffer(DOWN, 100),
        lambda: ble.gatts_notify(1, UP, b"\x01"),
        lambda: ble.gap_disconnect(1),
        lambda: ble.config(addr_mode=3),
    ):
        assert raises(OSError, work, 19)
    assert cable.sent == []


def test_services_are_registered_while_silent_and_a_second_registration_replaces_the_first():
    ble = served()
    ble.gatts_set_buffer(DOWN, 100)
    ble.gatts_write(UP, b"\x01")
    ble.gap_advertise(25_000, adv_data=b"\x01")
    assert raises(OSError, lambda: ble.gatts_register_services(table()), 22)
    ble.gap_advertise(None)
    assert ble.gatts_register_services(table()) == ((UP, DOWN),)
    assert ble.gatts_read(UP) == b""
    cable.hear("ble.write", 1, DOWN, "aa" * 30)
    assert len(ble.gatts_read(DOWN)) == 20


def test_services_are_gone_after_the_radio_was_off():
    ble = served()
    ble.active(False)
    ble.active(True)
    assert raises(OSError, lambda: ble.gatts_write(UP, b"\x01"))


def test_the_address_changes_only_while_silent_and_at_each_call():
    ble = radio()
    ble.gap_advertise(25_000, adv_data=b"\x01")
    assert raises(OSError, lambda: ble.config(addr_mode=3), 22)
    ble.gap_advertise(None)
    ble.config(addr_mode=3)
    ble.config(addr_mode=3)
    assert cable.ops().count("ble.address") == 2


def test_a_radio_that_is_off_hears_nothing():
    ble = served()
    heard = []
    ble.irq(lambda event, data: heard.append(event))
    ble.active(False)
    cable.hear("ble.connected", 1, "010203040506")
    cable.hear("ble.write", 1, DOWN, "aa")
    assert heard == []


def test_there_is_one_radio():
    import bluetooth

    assert radio() is bluetooth.BLE()
