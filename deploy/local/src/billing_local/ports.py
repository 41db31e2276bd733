"""Free ports, remembered, so that URLs stay the same from one run to the next."""

import json
import random
import socket
from collections.abc import Sequence
from pathlib import Path

#: Below the range from which the system takes the ports of outgoing connections (32768 on Linux),
#: so that a remembered port is not taken by a passing client.
PORT_RANGE = range(20_000, 32_000)
HOST = "127.0.0.1"


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now."""
    with socket.socket() as probe:
        # As servers do: a connection of the last run in TIME_WAIT must not count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def claim_ports(file: Path, names: Sequence[str]) -> dict[str, int]:
    """A port for every name: the remembered one if it is still free, else another.

    The whole table is written back to `file`. The caller holds the folder's lock.
    """
    remembered: dict[str, int] = json.loads(file.read_text()) if file.exists() else {}
    ports: dict[str, int] = {}
    for name in names:
        port = remembered.get(name)
        if port is None or port in ports.values() or not is_free(port):
            port = _another(set(ports.values()) | set(remembered.values()))
        ports[name] = port
    file.write_text(json.dumps(ports, indent=2))
    return ports


def _another(taken: set[int]) -> int:
    # Random, so that two folders starting at one moment do not race for the same port.
    for port in random.sample(PORT_RANGE, k=1_000):
        if port not in taken and is_free(port):
            return port
    raise RuntimeError(f"no free port between {PORT_RANGE.start} and {PORT_RANGE.stop}")
