"""S12: signatures, checked by the library subscribers use; secrets at rest."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from notify_svc.domain.signing import SecretBox, Undecipherable, new_secret, signed_headers

BODY = json.dumps({"specversion": "1.0", "data": {"name": "Müller"}}).encode()


def headers(*secrets: str, at: datetime | None = None, body: bytes = BODY) -> dict[str, str]:
    stamp = int((at or datetime.now(UTC)).timestamp())
    return signed_headers(secrets, "0190-event", stamp, body)


def test_a_signature_is_what_the_specification_computes() -> None:
    # The example of the specification's reference implementations.
    signed = signed_headers(
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert signed["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_subscriber_verifies_with_the_standard_library() -> None:
    secret = new_secret()
    assert Webhook(secret).verify(BODY, headers(secret)) is not None


def test_while_a_secret_is_replaced_both_verify() -> None:
    new, old = new_secret(), new_secret()
    signed = headers(new, old)
    assert len(signed["webhook-signature"].split()) == 2
    Webhook(new).verify(BODY, signed)
    Webhook(old).verify(BODY, signed)


def test_an_altered_body_an_old_stamp_and_another_secret_do_not_verify() -> None:
    secret = new_secret()
    old = headers(secret, at=datetime.now(UTC) - timedelta(minutes=6))
    for body, signed in [
        (BODY + b" ", headers(secret)),
        (BODY, old),
        (BODY, headers(new_secret())),
    ]:
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body, signed)


def test_secrets_are_long_and_never_twice() -> None:
    made = {new_secret() for _ in range(100)}
    assert len(made) == 100
    assert all(24 <= len(base64.b64decode(s.removeprefix("whsec_"))) <= 64 for s in made)


def test_a_sealed_secret_opens_for_its_owner_only() -> None:
    box = SecretBox((b"k" * 32,))
    sealed = box.seal("whsec_x", "tenant/one")
    assert b"whsec" not in sealed
    assert box.open(sealed, "tenant/one") == "whsec_x"
    with pytest.raises(Undecipherable):
        box.open(sealed, "tenant/two")


def test_a_new_key_seals_while_the_old_one_still_opens() -> None:
    before, after = SecretBox((b"a" * 32,)), SecretBox((b"b" * 32, b"a" * 32))
    assert after.open(before.seal("whsec_x", "o"), "o") == "whsec_x"
    with pytest.raises(Undecipherable):
        before.open(after.seal("whsec_x", "o"), "o")


def test_a_box_needs_keys_of_the_right_length() -> None:
    for keys in [(), (b"short",)]:
        with pytest.raises(ValueError, match="32 bytes"):
            SecretBox(keys)
