"""What a watch must know of its network, checked by who writes the file and by who reads it."""

# (name, needed, longest). Lengths are the SIM7080G's (AT manual: CNCFG, SMCONF, CFSWFILE); what is empty is not used.
TABLE = (
    ("apn", True, 150),
    ("apn_user", False, 127),
    ("apn_password", False, 127),
    ("sim_pin", False, 8),
    ("host", True, 246),
    ("user", True, 256),
    ("password", True, 512),
    ("ca", True, 10_240),
    # The number of the hub's SIM; without one no alarm goes by SMS.
    ("sms_to", False, 16),
    # Where the modem fetches assistance for its satellite receiver (XTRA, 34 KB); without it cold starts stay cold.
    ("assist_url", False, 255),
)


def _fault(name, needed, longest, value):
    """Return what is wrong with one text, or None. Its value is nobody's business: some are passwords."""
    if not isinstance(value, str) or len(value) > longest or (needed and not value):
        return "%s must be a text of %d to %d characters" % (name, 1 if needed else 0, longest)
    if name == "ca":
        if "-----BEGIN CERTIFICATE-----" not in value:
            return "ca must be a certificate in PEM"
    elif any(char == '"' or not " " <= char <= "~" for char in value):
        # Each stands between quotes in a command: what ends the quotes would be the next command.
        return "%s must be plain letters without quotes" % name
    if name == "sim_pin" and value and not (value.isdigit() and len(value) >= 4):
        return "sim_pin must be 4 to 8 digits"
    if name == "sms_to" and value and not (value[0] == "+" and value[1:].isdigit()):
        return "sms_to must be + and digits"
    if name == "assist_url" and value and not value.startswith(("http://", "https://")):
        return "assist_url must begin with http:// or https://"
    return None


def check(said):
    """Return (network, complaint) of what a file says: every text there, or nothing and one sentence."""
    if not isinstance(said, dict):
        return None, "the network file is no JSON object"
    network = {}
    for name, needed, longest in TABLE:
        network[name] = said.get(name, "")
        fault = _fault(name, needed, longest, network[name])
        if fault:
            return None, "network: " + fault
    port = said.get("port", 8883)
    if not isinstance(port, int) or not 1 <= port <= 65_535:
        return None, "network: port must be a whole number from 1 to 65535"
    network["port"] = port
    unknown = [name for name in said if name not in network]
    if unknown:
        return None, "network: there is no %s" % unknown[0]
    return network, None
