"""What the lines of a SIM7080G say: pure functions from text to numbers. Names of documents as in sim7080g.py."""

# A position's error is HDOP times this, where the modem gives no error of its own: 5 m of range error, twice.
_METRES_PER_HDOP = 10
_LEAST_RADIUS_M = 5
_MOST_RADIUS_M = 65_535
_NO_HPA_M = 9_000  # HPA is 9999000.0 without a fix (MAN, CGNSINF)
_DAYS_BEFORE_MONTH = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)
# A clock nothing has set starts in 1980 (MAN, CCLK); this product is younger than that.
_FIRST_YEAR = 2024
_LAST_YEAR = 2079


def fields(line):
    """Return what stands behind the first ": ", cut at commas outside quotes, without the quotes."""
    text = line[line.find(":") + 1 :].strip()
    found, current, quoted = [], "", False
    for letter in text:
        if letter == '"':
            quoted = not quoted
        elif letter == "," and not quoted:
            found.append(current.strip())
            current = ""
        else:
            current += letter
    found.append(current.strip())
    return found


def whole(text, base=10):
    """Return a whole number, or 0 for anything else."""
    try:
        return int(text, base)
    except ValueError:
        return 0


def scaled(text, digits):
    """Return "31.221946" times ten to the power of digits, exactly: the chip's floats have 24 bits. None if no number."""
    sign = -1 if text.startswith("-") else 1
    body = text.lstrip("+-")
    parts = body.split(".")
    before = parts[0] or "0"
    after = parts[1] if len(parts) > 1 else ""
    if len(parts) > 2 or not body or not (before + after).isdigit():
        return None
    return sign * int(before + (after + "0" * digits)[:digits])


def unix_s(year, month, day, hour, minute, second):
    """Return Unix seconds of a UTC calendar time, or None if there is no such time."""
    if not (_FIRST_YEAR <= year <= _LAST_YEAR and 1 <= month <= 12 and 1 <= day <= 31):
        return None
    if not (0 <= hour < 24 and 0 <= minute < 60 and 0 <= second <= 60):
        return None
    leap_days = (year - 1969) // 4 + (1 if year % 4 == 0 and month > 2 else 0)
    days = (year - 1970) * 365 + leap_days + _DAYS_BEFORE_MONTH[month - 1] + day - 1
    return ((days * 24 + hour) * 60 + minute) * 60 + second


def registration(line):
    """Return (stat, act) of "+CEREG: …", asked for ("n,stat,…") or unsolicited ("stat,…"); act 0 is unknown. MAN, CEREG."""
    found = fields(line)
    raw = line[line.find(":") + 1 :].split(",")
    asked = len(raw) > 1 and raw[1].strip().isdigit()
    found = found[1:] if asked else found
    if not found[0].isdigit():
        return None
    return int(found[0]), whole(found[3]) if len(found) > 3 else 0


def clock(line):
    """Return Unix seconds of "+CCLK: "21/05/26,13:37:37+32"" (local time, zone in quarters of an hour), or None."""
    text = line[line.find('"') + 1 :].rstrip('"')
    if len(text) < 17:
        return None
    parts = [text[at : at + 2] for at in (0, 3, 6, 9, 12, 15)]
    if not "".join(parts).isdigit():
        return None
    year, month, day, hour, minute, second = [int(part) for part in parts]
    local = unix_s(2000 + year, month, day, hour, minute, second)
    return None if local is None else local - whole(text[17:]) * 900


def clock_text(now_s):
    """Return Unix seconds as AT+CCLK wants them, in UTC."""
    days, rest = divmod(now_s, 86_400)
    year = 1970
    while days >= (366 if year % 4 == 0 else 365):
        days -= 366 if year % 4 == 0 else 365
        year += 1
    month = 12
    leap = 1 if year % 4 == 0 else 0
    while days < _DAYS_BEFORE_MONTH[month - 1] + (leap if month > 2 else 0):
        month -= 1
    day = days - _DAYS_BEFORE_MONTH[month - 1] - (leap if month > 2 else 0) + 1
    form = "%02d/%02d/%02d,%02d:%02d:%02d+00"
    return form % (year % 100, month, day, rest // 3600, rest // 60 % 60, rest % 60)


def fix(line):
    """Return the position in a "+CGNSINF: …" of 18 fields, or None: no fix, or one that cannot be true. MAN, CGNSINF.

    Without a fix field 2 is empty and latitude and longitude are zero, stale or nonsense; a fix at 0, 0 has been printed.
    """
    found = fields(line)
    if len(found) < 16 or found[0] != "1" or found[1] != "1" or not found[2][:14].isdigit():
        return None
    lat, lon = scaled(found[3], 7), scaled(found[4], 7)
    stamp = found[2]
    parts = [int(stamp[at : at + 2]) for at in (4, 6, 8, 10, 12)] if len(stamp) >= 14 else [0] * 5
    when = unix_s(whole(stamp[:4]), parts[0], parts[1], parts[2], parts[3], parts[4])
    if lat is None or lon is None or when is None or (lat == 0 and lon == 0):
        return None
    if abs(lat) > 900_000_000 or abs(lon) > 1_800_000_000:
        return None
    hdop = scaled(found[10], 1) or 0
    radius_m = _radius_m(found[16] if len(found) > 16 else "", hdop)
    if radius_m is None:
        return None
    return {
        "lat_e7": lat,
        "lon_e7": lon,
        "radius_m": radius_m,
        "unix_s": when,
        "speed_kmh": (scaled(found[6], 1) or 0) // 10,
        "hdop": hdop / 10,
        "satellites": whole(found[14]),
    }


def _radius_m(accuracy, hdop_tenths):
    """Twice the modem's own error (HPA), else by HDOP; None where neither says anything."""
    tenths = scaled(accuracy, 1)
    if tenths is not None and 0 < tenths < _NO_HPA_M * 10:
        radius = (2 * tenths + 9) // 10
    elif hdop_tenths > 0:
        radius = hdop_tenths * _METRES_PER_HDOP // 10
    else:
        return None
    return max(_LEAST_RADIUS_M, min(radius, _MOST_RADIUS_M))


def cell(line):
    """Return the serving cell in "+CPSI: LTE CAT-M1,Online,214-03,0x1A2B,…", 0 for what is unknown. MAN, CPSI."""
    found = fields(line)
    known = {"mcc": 0, "mnc": 0, "tac": 0, "cell": 0, "rssi_dbm": 0}
    if len(found) < 5 or not found[0].startswith("LTE") or "-" not in found[2]:
        return known
    mcc, mnc = found[2].split("-")[:2]
    known["mcc"], known["mnc"] = whole(mcc), whole(mnc)
    known["tac"] = whole(found[3].replace("0x", "").replace("0X", ""), 16)
    known["cell"] = whole(found[4])
    known["rssi_dbm"] = whole(found[12]) if len(found) > 12 else 0
    return known


def payload(line):
    """Return (topic, bytes) of +SMSUB: "topic","48656C6C6F" as SUBHEX=1 prints it, or None. MAN, SMSUB."""
    found = fields(line)
    if len(found) != 2 or len(found[1]) % 2:
        return None
    try:
        return found[0], bytes([int(found[1][at : at + 2], 16) for at in range(0, len(found[1]), 2)])
    except ValueError:
        return None
