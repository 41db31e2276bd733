import smtplib
import sys
import time

import httpx
import pytest

from billing_local.child import Child
from billing_local.ports import claim_ports


@pytest.fixture
def sink(tmp_path):
    ports = claim_ports(tmp_path / "ports.json", ["smtp", "http"])
    argv = [sys.executable, "-m", "billing_local.smtp_sink", "--dir", str(tmp_path / "mail")]
    argv += ["--smtp-port", str(ports["smtp"]), "--http-port", str(ports["http"])]
    child = Child(argv, {}, tmp_path / "mail.log")
    child.start()
    url = f"http://127.0.0.1:{ports['http']}"
    for _ in range(100):
        try:
            httpx.get(f"{url}/health/ready")
            break
        except httpx.TransportError:
            time.sleep(0.1)
    yield ports["smtp"], url
    child.stop()


def send(port: int, subject: str) -> None:
    with smtplib.SMTP("127.0.0.1", port) as client:
        client.sendmail(
            "us@example.com", ["them@example.com"], f"Subject: {subject}\r\n\r\nHello\r\n"
        )


def test_mails_become_files_and_are_listed(sink):
    port, url = sink
    send(port, "first")
    send(port, "second")
    mails = httpx.get(f"{url}/mails").json()
    assert mails["count"] == 2
    assert [m["subject"] for m in mails["items"]] == ["first", "second"]
    assert mails["items"][0]["to"] == "them@example.com"
    assert b"Hello" in httpx.get(f"{url}/mails/{mails['items'][0]['file']}").content


def test_a_sink_put_down_refuses_for_now(sink):
    port, url = sink
    httpx.put(f"{url}/state", json={"up": False})
    with pytest.raises(smtplib.SMTPDataError, match="451"):
        send(port, "lost")
    httpx.put(f"{url}/state", json={"up": True})
    send(port, "kept")
    assert httpx.get(f"{url}/mails").json()["count"] == 1
