"""Standard Webhooks 1.0 signatures, and the secrets they are made with.

Source: standardwebhooks.com specification 1.0.0. The published library signs with one secret at a
time and reads the clock; we need several secrets while one replaces another. It is the oracle of
the tests.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from secrets import token_bytes

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PREFIX = "whsec_"
#: The specification allows 24 to 64 bytes.
SECRET_BYTES = 32
#: While one secret replaces another, at most so many are alive; each costs a signature.
MAX_SECRETS = 3
_KEY_BYTES = 32
_NONCE_BYTES = 12


def new_secret() -> str:
    """A fresh secret in the form subscribers keep it, `whsec_<base64>`."""
    return PREFIX + base64.b64encode(token_bytes(SECRET_BYTES)).decode()


def signed_headers(
    secrets: Sequence[str], webhook_id: str, timestamp: int, body: bytes
) -> dict[str, str]:
    """The three headers, with one `v1` signature per secret. `timestamp` is Unix seconds."""
    message = f"{webhook_id}.{timestamp}.".encode() + body
    signatures = [
        base64.b64encode(hmac.digest(_key(secret), message, hashlib.sha256)).decode()
        for secret in secrets
    ]
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(PREFIX))


class Undecipherable(Exception):
    """A sealed secret was made with a key we no longer have, or was moved to another row."""


@dataclass(frozen=True, slots=True)
class SecretBox:
    """Keeps secrets encrypted at rest (AES-256-GCM).

    The first key seals; all of them open, so that a key can be replaced without a stop.
    `owner` is bound in: a sealed secret copied to another subscription does not open.
    """

    keys: tuple[bytes, ...]

    def __post_init__(self) -> None:
        if not self.keys or any(len(key) != _KEY_BYTES for key in self.keys):
            raise ValueError(f"needs one or more keys of {_KEY_BYTES} bytes")

    def seal(self, secret: str, owner: str) -> bytes:
        nonce = token_bytes(_NONCE_BYTES)
        return nonce + AESGCM(self.keys[0]).encrypt(nonce, secret.encode(), owner.encode())

    def open(self, sealed: bytes, owner: str) -> str:
        """The secret again; Undecipherable if none of the keys fits."""
        nonce, text = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        for key in self.keys:
            try:
                return AESGCM(key).decrypt(nonce, text, owner.encode()).decode()
            except InvalidTag:
                continue
        raise Undecipherable("no key opens this secret")
