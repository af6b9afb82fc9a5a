"""What the lines of the modem say, in MicroPython: positions, registration, clocks, cells, messages."""

from drivers import sim7080g_lines as lines

FIX = "+CGNSINF: 1,1,20261124051848.000,41.264912,-1.986634,3.417,12.40,,0,,1.4,1.7,0.9,,6,,12.4,12.0"
NO_FIX = "+CGNSINF: 1,,,0.000000,0.000000,-18.000,,,1,,0.1,0.1,0.1,,,,9999000.0,6144.0"


def test_a_fix_is_exact_to_the_last_digit():
    found = lines.fix(FIX)
    assert (found["lat_e7"], found["lon_e7"]) == (412649120, -19866340)
    assert found["unix_s"] == 1795497528
    assert (found["speed_kmh"], found["hdop"], found["satellites"]) == (12, 1.4, 6)


def test_the_radius_is_twice_the_modems_own_error_or_comes_from_hdop():
    assert lines.fix(FIX)["radius_m"] == 25
    assert lines.fix(FIX.replace("12.4,12.0", "9999000.0,12.0"))["radius_m"] == 14
    assert lines.fix(FIX.replace("12.4,12.0", ","))["radius_m"] == 14
    assert lines.fix(FIX.replace("12.4,12.0", "0.9,12.0"))["radius_m"] == 5


def test_what_is_no_fix_is_none_whatever_stands_in_its_fields():
    for line in (
        NO_FIX,
        FIX.replace("1,1,", "1,0,"),
        FIX.replace("1,1,", "0,1,"),
        FIX.replace("41.264912", "0.000000").replace("-1.986634", "0.000000"),
        FIX.replace("41.264912", "91.000000"),
        FIX.replace("41.264912", "4l.264912"),
        FIX.replace("20261124051848.000", "19800106000000.000"),
        FIX.replace("20261124051848.000", ""),
        FIX[:40],
        "+CGNSINF: ",
    ):
        assert lines.fix(line) is None, line


def test_registration_is_read_from_both_forms():
    assert lines.registration("+CEREG: 2,5") == (5, 0)
    assert lines.registration('+CEREG: 2,1,"2F1A","01B2C301",7') == (1, 7)
    assert lines.registration('+CEREG: 5,"2F1A","01B2C301",9') == (5, 9)
    assert lines.registration("+CEREG: 2") == (2, 0)
    assert lines.registration("+CEREG: ") is None


def test_the_clock_is_local_time_with_quarters_of_an_hour():
    assert lines.clock('+CCLK: "26/11/24,05:18:48+00"') == 1795497528
    assert lines.clock('+CCLK: "26/11/24,06:18:48+04"') == 1795497528
    assert lines.clock('+CCLK: "26/11/23,21:18:48-32"') == 1795497528
    assert lines.clock('+CCLK: "80/01/06,00:00:10+00"') is None
    assert lines.clock('+CCLK: "26/11/24,05:1') is None


def test_a_clock_written_is_the_clock_read():
    for unix_s in (1709164799, 1709164800, 1709251200, 1735689599, 1795497528, 2082758400):
        assert lines.clock('+CCLK: "%s"' % lines.clock_text(unix_s)) == unix_s


def test_a_cell_is_told_in_numbers_and_what_is_unknown_is_zero():
    said = "+CPSI: LTE CAT-M1,Online,214-07,0x2F1A,28492545,15,EUTRAN-BAND20,6300,3,3,-10,-94,-66,14"
    assert lines.cell(said) == {"mcc": 214, "mnc": 7, "tac": 0x2F1A, "cell": 28492545, "rssi_dbm": -66}
    assert set(lines.cell("+CPSI: NO SERVICE,Online").values()) == {0}


def test_a_torn_message_is_none():
    assert lines.payload('+SMSUB: "a/b","00FF"') == ("a/b", b"\x00\xff")
    for line in ('+SMSUB: "a/b","00F"', '+SMSUB: "a/b","00FG"', '+SMSUB: "a/b"', '+SMSUB: "a/b","00FF'):
        found = lines.payload(line)
        assert found is None or found[1] != b"\x00", line


def test_commas_inside_quotes_divide_nothing():
    assert lines.fields('+CMGR: "REC UNREAD","+34600",,"26/11/24,05:18:48+04"') == [
        "REC UNREAD",
        "+34600",
        "",
        "26/11/24,05:18:48+04",
    ]
