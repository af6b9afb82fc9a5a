"""MQTT topic names: devices (LTE) and hubs, one tree."""

ROOT = "socors/v1"


def device(number, lane):
    """Topic of one device; lane is alarm, telemetry or down."""
    return "%s/d/%d/%s" % (ROOT, number, lane)


def hub(name, lane):
    """Topic of one hub; lane is up, backlog, down or receipt."""
    return "%s/h/%s/%s" % (ROOT, name, lane)


def owner(topic):
    """Return ("d", "1001", lane) or ("h", name, lane), or None for a topic that is not ours."""
    parts = topic.split("/")
    if len(parts) != 5 or "/".join(parts[:2]) != ROOT or parts[2] not in ("d", "h"):
        return None
    return parts[2], parts[3], parts[4]
