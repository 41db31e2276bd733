"""What a mail gateway promises, the real one (against a real SMTP server) and the fake."""

from email.message import EmailMessage
from typing import Any

import pytest


def a_mail() -> EmailMessage:
    message = EmailMessage()
    message["From"] = "billing@seller.example"
    message["To"] = "ap@ada.example"
    message["Subject"] = "Rechnung für März"
    message.set_content("Grüße\n.\n..ein Punkt allein\n")
    return message


@pytest.mark.parametrize(
    ("behaviour", "result", "is_final", "taken"),
    [
        ("ok", "delivered", False, 1),
        ("busy", "failed", False, 0),
        ("refuse-text", "failed", True, 0),
        ("down", "failed", False, 0),
        ("hang-after-text", "unknown", False, 1),
    ],
)
async def test_what_the_relay_does_and_its_meaning(
    mail_world: Any, behaviour: Any, result: str, is_final: bool, taken: int
) -> None:
    mail_world.behaviour = behaviour
    outcome = await mail_world.gateway.send(a_mail(), ["ap@ada.example"])
    assert (outcome.result, outcome.is_final) == (result, is_final)
    assert len(mail_world.taken) == taken


@pytest.mark.parametrize(
    ("recipients", "result", "is_final", "reached"),
    [
        (["a@x.example", "b@x.example"], "delivered", False, 2),
        (["a@x.example", "b@refused.example"], "delivered", False, 1),
        (["b@refused.example"], "failed", True, 0),
        (["b@refused.example", "c@refused.example"], "failed", True, 0),
        (["b@later.example"], "failed", False, 0),
        (["b@refused.example", "c@later.example"], "failed", False, 0),
    ],
)
async def test_whom_the_relay_takes_a_mail_for(
    mail_world: Any, recipients: list[str], result: str, is_final: bool, reached: int
) -> None:
    outcome = await mail_world.gateway.send(a_mail(), recipients)
    assert (outcome.result, outcome.is_final) == (result, is_final)
    assert sum(len(mail.recipients) for mail in mail_world.taken) == reached
    if result == "delivered":
        assert outcome.detail == f"taken by the relay for {reached} of {len(recipients)} addresses"


async def test_the_text_arrives_whole(mail_world: Any) -> None:
    await mail_world.gateway.send(a_mail(), ["ap@ada.example"])
    [mail] = mail_world.taken
    assert mail.recipients == ("ap@ada.example",)
    assert b"\n.." in mail.message.replace(b"\r", b"") or b"=2E" in mail.message
    assert b"From: billing@seller.example" in mail.message
