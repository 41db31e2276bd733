"""Settings that would make the service unsafe are refused at the start."""

import base64
import os
from typing import Any

import pytest
from pydantic import ValidationError

from notify_svc.settings import LOCAL_SENDER, NotifySettings

KEY = base64.b64encode(b"k" * 32).decode()


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the surrounding environment."""

    for name in list(os.environ):
        if name.startswith("BILLING_"):
            monkeypatch.delenv(name)


def made(**values: Any) -> NotifySettings:
    given = {"profile": "production", "mail_sender": "billing@seller.example"}
    return NotifySettings.model_validate(given | values)


def test_production_needs_keys_and_a_protected_relay() -> None:
    with pytest.raises(ValidationError, match="WEBHOOK_SECRET_KEYS"):
        made()
    settings = made(webhook_secret_keys=[KEY])
    assert settings.relay().security == "starttls"
    assert settings.webhook_allowed_private == frozenset()


@pytest.mark.parametrize("key", ["short", base64.b64encode(b"k" * 16).decode(), "!" * 44])
def test_a_bad_key_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(ValidationError) as caught:
        made(webhook_secret_keys=[key])
    assert key not in str(caught.value.errors(include_input=False))


def test_migrating_needs_no_keys() -> None:
    made(admin_database_url="postgresql://localhost/billing")


def test_a_local_system_works_without_any_setting() -> None:
    settings = made(profile="local")
    assert settings.relay().security == "none"
    box = settings.secret_box()
    assert box.open(box.seal("whsec_x", "o"), "o") == "whsec_x"


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BILLING_PROFILE", "local")
    monkeypatch.setenv("BILLING_WEBHOOK_ALLOWED_PRIVATE", '["127.0.0.1:1081", "Receiver:80"]')
    monkeypatch.setenv("BILLING_WEBHOOK_SECRET_KEYS", f'["{KEY}"]')
    settings = NotifySettings()
    assert settings.webhook_allowed_private == {"127.0.0.1:1081", "receiver:80"}
    assert len(settings.secret_box().keys) == 1


@pytest.mark.parametrize("entry", ["127.0.0.1", "http://a:1", "a:b", ""])
def test_an_exception_names_host_and_port(entry: str) -> None:
    with pytest.raises(ValidationError, match="host:port"):
        made(profile="local", webhook_allowed_private=[entry])


@pytest.mark.parametrize(
    "sender", ["nobody", "a@b\r\nBcc: c@d.example", "a@b.example, c@d.example", LOCAL_SENDER]
)
def test_production_names_one_address_that_mails_come_from(sender: str) -> None:
    with pytest.raises(ValidationError, match=r"e-mail address|MAIL_SENDER"):
        made(webhook_secret_keys=[KEY], mail_sender=sender)


def test_no_password_is_shown() -> None:
    settings = made(webhook_secret_keys=[KEY], smtp_password="hidden", smtp_username="me")
    assert "hidden" not in repr(settings)
    assert "hidden" not in repr(settings.relay())
