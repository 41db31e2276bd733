"""Bearer tokens: JWT of type `at+jwt`, checked against keys we fetch ourselves.

Source: RFC 9068 (access tokens), RFC 8725 (best practice), OWASP ASVS 5.0 chapter 9.
The algorithm is pinned by the key, never taken from the token.
"""

import asyncio
import hashlib
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import jwt
import structlog
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.types import Options
from jwt.utils import base64url_decode

from billing_shared.context import Actor
from billing_shared.errors import Forbidden, Unauthenticated, Unavailable
from billing_shared.roles import ALL_SCOPES, ROLE_SCOPES, Principal, effective_scopes

__all__ = ["ALL_SCOPES", "ROLE_SCOPES", "KeySet", "Principal", "Verifier", "mint"]

AUDIENCE = "billing"
TOKEN_TYPES = frozenset({"at+jwt", "application/at+jwt"})
#: Headers that would let a token choose its own key, or demand what we do not understand.
REFUSED_HEADERS = frozenset({"crit", "jku", "jwk", "x5u", "x5c"})
MIN_RSA_BITS = 2048
MAX_TOKEN_CHARACTERS = 8_192
MAX_NAME_CHARACTERS = 255
LEEWAY_SECONDS = 30
CACHED_TOKEN_SECONDS = 60
CACHED_TOKENS = 10_000
#: An unknown key id asks the issuer at most this often, whatever a flood of tokens says.
REFRESH_SECONDS = 30
FIRST_RETRY_SECONDS = 1
#: Keys are looked at again after this time, so that a withdrawn one stops working.
KEY_AGE_SECONDS = 300
FETCH_TIMEOUT_SECONDS = 5
MAX_KEY_SET_BYTES = 256_000

log = structlog.get_logger()

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey


@dataclass(frozen=True, slots=True)
class Key:
    """A public key and the one algorithm it is good for."""

    algorithm: str
    public: PublicKey


def read_key_set(document: bytes) -> dict[str, Key]:
    """The usable signing keys of a JWKS by key id; others are left out. ValueError if broken."""
    keys: dict[str, Key] = {}
    for entry in json.loads(document)["keys"]:
        if not isinstance(entry.get("kid"), str) or entry.get("use", "sig") != "sig":
            continue
        try:
            public = jwt.PyJWK(entry).key
        except jwt.PyJWTError:
            continue
        algorithm = _algorithm_of(public)
        if algorithm is not None and entry.get("alg", algorithm) == algorithm:
            keys[entry["kid"]] = Key(algorithm, public)
    return keys


def _algorithm_of(public: object) -> str | None:
    if isinstance(public, rsa.RSAPublicKey):
        return "RS256" if public.key_size >= MIN_RSA_BITS else None
    if isinstance(public, ec.EllipticCurvePublicKey):
        return "ES256" if isinstance(public.curve, ec.SECP256R1) else None
    return "EdDSA" if isinstance(public, ed25519.Ed25519PublicKey) else None


Fetch = Callable[[], Awaitable[bytes]]


def from_url(url: str) -> Fetch:
    """Reads a key set over HTTPS; no redirects, bounded in time and size."""

    async def fetch() -> bytes:
        async with httpx.AsyncClient(timeout=FETCH_TIMEOUT_SECONDS) as client:
            response = await client.get(url)
            response.raise_for_status()
            if len(response.content) > MAX_KEY_SET_BYTES:
                raise ValueError("key set too large")
            return response.content

    return fetch


def from_file(path: Path) -> Fetch:
    """Reads a key set from a file."""

    async def fetch() -> bytes:
        return await asyncio.to_thread(path.read_bytes)

    return fetch


class KeySet:
    """The issuer's keys: fetched when first needed, cached, served stale when it is away."""

    def __init__(self, fetch: Fetch, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._monotonic = monotonic
        self._keys: dict[str, Key] = {}
        self._tried_at = float("-inf")
        self._lock = asyncio.Lock()
        self._renewal: asyncio.Task[None] | None = None

    async def get(self, key_id: str) -> Key | None:
        """The key of this id, or None. Unavailable when no key was ever had."""
        if key_id not in self._keys:
            await self._refresh()
        elif self._age() > KEY_AGE_SECONDS and (self._renewal is None or self._renewal.done()):
            # A known key answers at once; whether it still holds is asked beside the request.
            self._renewal = asyncio.create_task(self._refresh())
        if not self._keys:
            raise Unavailable("keys-unavailable", "the keys of the token issuer cannot be had")
        return self._keys.get(key_id)

    def _age(self) -> float:
        return self._monotonic() - self._tried_at

    async def _refresh(self) -> None:
        async with self._lock:
            if self._age() <= (REFRESH_SECONDS if self._keys else FIRST_RETRY_SECONDS):
                return
            try:
                self._keys = read_key_set(await self._fetch()) or self._keys
            except (OSError, httpx.HTTPError, ValueError, KeyError, AttributeError) as error:
                log.warning("auth.keys-unavailable", error=type(error).__name__)
            finally:
                self._tried_at = self._monotonic()


class Verifier:
    """Turns a bearer token into a Principal, or raises Unauthenticated."""

    def __init__(
        self, keys: KeySet, issuer: str, wall_clock: Callable[[], float] = time.time
    ) -> None:
        self._keys = keys
        self._issuer = issuer
        self._now = wall_clock
        self._cache: dict[bytes, tuple[float, Principal]] = {}

    async def verify(self, token: str) -> Principal:
        """The principal of a valid token; a verified token is remembered for 60 s at most."""
        if len(token) > MAX_TOKEN_CHARACTERS:
            raise _refused("the token is too long")
        digest = hashlib.sha256(token.encode()).digest()
        cached = self._cache.get(digest)
        if cached is not None and cached[0] > self._now():
            return cached[1]
        claims = await self._claims(token)
        principal = _principal(claims)
        if len(self._cache) >= CACHED_TOKENS:
            self._cache.clear()
        until = min(self._now() + CACHED_TOKEN_SECONDS, float(claims["exp"]))
        self._cache[digest] = (until, principal)
        return principal

    async def _claims(self, token: str) -> dict[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
            for part in token.split(".")[:2]:
                json.loads(base64url_decode(part), object_pairs_hook=_each_once)
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise _refused("not a JSON web token") from error
        if str(header.get("typ", "")).lower() not in TOKEN_TYPES:
            raise _refused("not an access token (typ must be at+jwt)")
        if REFUSED_HEADERS & header.keys():
            raise _refused("the token names its own key or critical headers")
        key_id = header.get("kid")
        key = await self._keys.get(key_id) if isinstance(key_id, str) else None
        if key is None or header.get("alg") != key.algorithm:
            raise _refused("signed by no key we know")
        required = ["iss", "aud", "sub", "exp", "iat", "tenant", "client_id"]
        options: Options = {"require": required, "strict_aud": True, "verify_iat": False}
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key.public,
                algorithms=[key.algorithm],
                audience=AUDIENCE,
                issuer=self._issuer,
                leeway=LEEWAY_SECONDS,
                options=options,
            )
            # The remembered end of the token is a float, which not every number of JSON fits.
            float(claims["exp"])
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
            raise _refused("the token is expired, or not for us") from error
        return claims


def _refused(detail: str) -> Unauthenticated:
    return Unauthenticated("unauthenticated", detail)


def _each_once(pairs: list[tuple[str, Any]]) -> None:
    """Of two claims of one name, two readers may take different ones (RFC 7519, section 4)."""
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("a name stands twice")


def _principal(claims: dict[str, Any]) -> Principal:
    subject, client_id = claims["sub"], claims["client_id"]
    roles, scope = claims.get("roles", []), claims.get("scope", "")
    if not (isinstance(roles, list) and all(isinstance(role, str) for role in roles)):
        raise _refused("claim roles must be a list of strings")
    if not isinstance(scope, str) or not isinstance(client_id, str):
        raise _refused("claims scope and client_id must be strings")
    if not all(0 < len(name) <= MAX_NAME_CHARACTERS for name in (subject, client_id)):
        raise _refused(f"claims sub and client_id have 1 to {MAX_NAME_CHARACTERS} characters")
    if not (subject + client_id).isprintable():
        raise _refused("claims sub and client_id must be printable")
    try:
        tenant_id = UUID(claims["tenant"])
    except (ValueError, TypeError, AttributeError) as error:
        raise _refused("claim tenant must be a UUID") from error
    if not tenant_id.int:
        # It stands for "all tenants" where a job has none.
        raise _refused("claim tenant must name a tenant")
    return Principal(
        tenant_id=tenant_id,
        actor=Actor("client" if subject == client_id else "user", subject),
        client_id=client_id,
        roles=frozenset(roles),
        scopes=effective_scopes(roles, scope.split()),
    )


def require(principal: Principal, scope: str) -> None:
    """Forbidden unless the principal has the scope."""
    if scope not in principal.scopes:
        raise Forbidden("forbidden", f"the token does not carry the scope {scope}")


@dataclass(frozen=True, slots=True)
class LocalKeys:
    """The two files of a local issuer: public key set for the services, private key for minting."""

    jwks_file: Path
    private_key_file: Path


def make_local_keys(folder: Path) -> LocalKeys:
    """The local issuer's key pair in a folder; made once, the private one readable by us alone."""
    files = LocalKeys(folder / "jwks.json", folder / "signing-key.json")
    if files.private_key_file.exists() and files.jwks_file.exists():
        return files
    private = ed25519.Ed25519PrivateKey.generate()
    private_jwk = jwt.algorithms.OKPAlgorithm.to_jwk(private, as_dict=True)
    public_jwk = jwt.algorithms.OKPAlgorithm.to_jwk(private.public_key(), as_dict=True)
    identity = {
        "kid": hashlib.sha256(public_jwk["x"].encode()).hexdigest()[:16],
        "alg": "EdDSA",
        "use": "sig",
    }
    folder.mkdir(parents=True, exist_ok=True)
    files.private_key_file.touch(mode=0o600)
    files.private_key_file.write_text(json.dumps(private_jwk | identity))
    files.jwks_file.write_text(json.dumps({"keys": [public_jwk | identity]}))
    return files


def mint(
    private_key_file: Path,
    *,
    tenant_id: UUID,
    roles: Sequence[str],
    issuer: str,
    subject: str | None = None,
    client_id: str = "local",
    scope: str | None = None,
    seconds: int = 12 * 3600,
) -> str:
    """A token signed by the local issuer; the subject is `<first role>@local` unless given."""
    unknown = set(roles) - ROLE_SCOPES.keys()
    if unknown:
        raise ValueError(f"no such role: {', '.join(sorted(unknown))}")
    entry = json.loads(private_key_file.read_text())
    now = int(time.time())
    claims: dict[str, Any] = {
        "iss": issuer,
        "aud": AUDIENCE,
        "sub": subject or f"{roles[0] if roles else 'nobody'}@local",
        "iat": now,
        "exp": now + seconds,
        "tenant": str(tenant_id),
        "client_id": client_id,
        "roles": list(roles),
    }
    if scope is not None:
        claims["scope"] = scope
    headers = {"typ": "at+jwt", "kid": entry["kid"]}
    return jwt.encode(claims, jwt.PyJWK(entry).key, algorithm="EdDSA", headers=headers)
