import base64
import hashlib
import hmac
import time

import pytest
from fastapi.testclient import TestClient

from billing_local.webhook_receiver import create_app, is_signed

KEY = b"0123456789abcdef01234567"
SECRET = "whsec_" + base64.b64encode(KEY).decode()


def signed(body: bytes, at: float, key: bytes = KEY) -> dict[str, str]:
    message = b"msg_1." + str(int(at)).encode() + b"." + body
    digest = base64.b64encode(hmac.new(key, message, hashlib.sha256).digest()).decode()
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(at)),
        "webhook-signature": f"v1,AAAA v1,{digest}",
    }


def test_the_example_of_the_specification_is_signed_right():
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    assert is_signed([secret], headers, b'{"test": 2432232314}', 1614265330.0)


@pytest.mark.parametrize("away", [-301, 301])
def test_an_old_or_future_timestamp_is_refused(away):
    now = time.time()
    assert not is_signed([SECRET], signed(b"{}", now + away), b"{}", now)


def test_a_changed_body_or_a_missing_header_is_refused():
    now = time.time()
    assert is_signed([SECRET], signed(b"{}", now), b"{}", now)
    assert not is_signed([SECRET], signed(b"{}", now), b"{ }", now)
    assert not is_signed([SECRET], {}, b"{}", now)


def test_the_receiver_keeps_verifies_and_can_be_put_down(tmp_path):
    client = TestClient(create_app(tmp_path))
    client.put("/secrets/shop", json={"secrets": [SECRET]})
    body = b'{"n":1}'

    client.put("/state", json={"status": 503})
    assert (
        client.post("/hooks/shop", content=body, headers=signed(body, time.time())).status_code
        == 503
    )
    assert client.get("/received/shop").json()["count"] == 0

    client.put("/state", json={"status": None})
    assert (
        client.post("/hooks/shop", content=body, headers=signed(body, time.time())).status_code
        == 204
    )
    wrong = signed(body, time.time(), key=b"another key of 24 bytes!")
    assert client.post("/hooks/shop", content=body, headers=wrong).status_code == 401

    # A receiver started anew over the same folder still has both.
    seen = TestClient(create_app(tmp_path)).get("/received/shop").json()
    assert [item["verified"] for item in seen["items"]] == [True, False]
