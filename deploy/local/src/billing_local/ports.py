"""Free ports, remembered, so that URLs stay the same from one run to the next."""

import fcntl
import json
import os
import random
import socket
import tempfile
from collections.abc import Sequence
from pathlib import Path

#: Below the range from which the system takes the ports of outgoing connections (32768 on Linux),
#: so that a remembered port is not taken by a passing client.
PORT_RANGE = range(20_000, 32_000)
HOST = "127.0.0.1"
#: The lock files of the ports this process has claimed; the kernel lets go of them at its end.
_claimed: dict[int, int] = {}


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

    No other launcher of this user gets one of them while this process lives, bound yet or not. The
    whole table is written back to `file`. The caller holds the folder's lock.
    """
    remembered: dict[str, int] = json.loads(file.read_text()) if file.exists() else {}
    ports: dict[str, int] = {}
    for name in names:
        port = remembered.get(name)
        if port is None or port in ports.values() or not _claim(port):
            port = _another(set(ports.values()) | set(remembered.values()))
        ports[name] = port
    file.write_text(json.dumps(ports, indent=2))
    return ports


def _another(taken: set[int]) -> int:
    # Random, so that two folders starting at one moment do not race for the same port.
    for port in random.sample(PORT_RANGE, k=1_000):
        if port not in taken and _claim(port):
            return port
    raise RuntimeError(f"no free port between {PORT_RANGE.start} and {PORT_RANGE.stop}")


def _claim(port: int) -> bool:
    """Whether it is free, and from now on ours."""
    if port in _claimed:
        return is_free(port)
    folder = Path(tempfile.gettempdir()) / f"billing-ports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    lock = os.open(folder / str(port), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return False
    if not is_free(port):
        os.close(lock)
        return False
    _claimed[port] = lock
    return True
