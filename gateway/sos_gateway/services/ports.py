"""Finding a port nobody uses, and stepping round one that is busy."""

import socket

STEPS = 50  # so many neighbours are tried before the system chooses


def is_free(host: str, port: int) -> bool:
    """Return whether we could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def any_free(host: str = "127.0.0.1") -> int:
    """Return a port the system says is free."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


def free_from(host: str, wanted: int) -> int:
    """Return the wanted port, the next free one above it, or any: a busy port is stepped round, never fought over."""
    if wanted:
        for port in range(wanted, min(wanted + STEPS, 65_536)):
            if is_free(host, port):
                return port
    return any_free(host)
