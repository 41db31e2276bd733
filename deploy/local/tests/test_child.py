import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from billing_local.child import Child

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


def is_gone(pid: int) -> bool:
    for _ in range(100):
        try:
            os.kill(pid, 0)
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
            if state == "Z":
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.05)
    return False


def test_a_child_stops_politely_and_starts_again(tmp_path):
    child = Child(SLEEP, os.environ, tmp_path / "sleeper.log")
    child.start()
    assert child.is_alive()
    child.stop()
    assert not child.is_alive()
    child.start()
    assert child.is_alive()
    child.kill()
    assert not child.is_alive()


def test_a_child_that_ignores_sigterm_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr("billing_local.child.STOP_SECONDS", 0.2)
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print('up', flush=True); time.sleep(60)"
    )
    child = Child([sys.executable, "-c", code], os.environ, tmp_path / "x.log")
    child.start()
    while "up" not in child.log_tail():
        time.sleep(0.02)
    child.stop()
    assert not child.is_alive()


@pytest.mark.skipif(sys.platform != "linux", reason="the signal of a dying parent is Linux's")
def test_a_child_dies_when_the_launcher_gets_kill_9(tmp_path):
    code = f"""
import sys, time, os
from pathlib import Path
from billing_local.child import Child
child = Child({SLEEP!r}, os.environ, Path({str(tmp_path)!r}) / "s.log")
child.start()
print(child.pid, flush=True)
time.sleep(60)
"""
    launcher = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert launcher.stdout is not None
    pid = int(launcher.stdout.readline())
    launcher.kill()
    launcher.wait()
    assert is_gone(pid)


def test_the_watchdog_ends_what_the_launcher_started(tmp_path):
    code = f"""
import os, time
from pathlib import Path
from billing_local.watchdog import Watchdog
import subprocess, sys
# Without the kernel's signal, as elsewhere than on Linux.
child = subprocess.Popen({SLEEP!r}, start_new_session=True)
Watchdog().guard(child.pid)
print(child.pid, flush=True)
time.sleep(60)
"""
    launcher = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert launcher.stdout is not None
    pid = int(launcher.stdout.readline())
    launcher.kill()
    launcher.wait()
    assert is_gone(pid)
