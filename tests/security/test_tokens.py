"""S4: tokens good and bad; every bad one is 401 and reveals nothing."""

import base64
import hashlib
import hmac
import json
import time
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from billing_shared import auth
from billing_shared.auth import KeySet, Verifier, from_file, make_local_keys, mint, read_key_set
from billing_shared.errors import Unauthenticated, Unavailable
from billing_shared.roles import ROLE_SCOPES

ISSUER = "https://issuer.test"
TENANT = "01890000-0000-7000-8000-000000000001"
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()
WEAK_RSA = rsa.generate_private_key(public_exponent=65537, key_size=1024)
OTHER_CURVE = ec.generate_private_key(ec.SECP384R1())
STRANGER = ed25519.Ed25519PrivateKey.generate()

TO_JWK = {
    "rsa": jwt.algorithms.RSAAlgorithm, "ec": jwt.algorithms.ECAlgorithm,
    "ed": jwt.algorithms.OKPAlgorithm, "weak": jwt.algorithms.RSAAlgorithm,
    "p384": jwt.algorithms.ECAlgorithm,
}  # fmt: skip
PRIVATE = {"rsa": RSA, "ec": EC, "ed": ED, "weak": WEAK_RSA, "p384": OTHER_CURVE}
JWKS = {
    "keys": [
        TO_JWK[kid].to_jwk(key.public_key(), as_dict=True) | {"kid": kid, "use": "sig"}
        for kid, key in PRIVATE.items()
    ]
    + [{"kty": "oct", "kid": "shared", "k": "c2VjcmV0"}, {"kty": "unknown", "kid": "odd"}]
}


class Issuer:
    def __init__(self, document: dict | None = None) -> None:
        self.document: dict | None = document or JWKS
        self.fetched = 0
        self.at = 1000.0

    async def fetch(self) -> bytes:
        self.fetched += 1
        if self.document is None:
            raise OSError
        return json.dumps(self.document).encode()

    def keys(self) -> KeySet:
        return KeySet(self.fetch, lambda: self.at)


def claims(**changes) -> dict:
    now = int(time.time())
    made = {
        "iss": ISSUER, "aud": "billing", "sub": "carla", "iat": now, "exp": now + 600,
        "tenant": TENANT, "client_id": "desk", "roles": ["clerk"],
    }  # fmt: skip
    return {k: v for k, v in (made | changes).items() if v is not None}


def token(kid="ed", alg="EdDSA", key=None, typ="at+jwt", headers=None, **changes) -> str:
    head = {"typ": typ, "kid": kid} | (headers or {})
    signer = key or PRIVATE[kid]
    head = {name: value for name, value in head.items() if name != "kid" or value is not None}
    return jwt.encode(claims(**changes), signer, algorithm=alg, headers=head)


async def verify(text: str):
    return await Verifier(Issuer().keys(), ISSUER).verify(text)


@pytest.mark.parametrize(("kid", "alg"), [("rsa", "RS256"), ("ec", "ES256"), ("ed", "EdDSA")])
async def test_a_good_token(kid, alg):
    principal = await verify(token(kid, alg))
    assert (principal.tenant_id, str(principal.actor)) == (UUID(TENANT), "user:carla")
    assert principal.scopes == ROLE_SCOPES["clerk"]


async def test_a_system_without_a_person_is_a_client():
    principal = await verify(token(sub="desk"))
    assert str(principal.actor) == "client:desk"


def raw(header: dict, payload: dict, signature: bytes = b"") -> str:
    def part(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).decode().rstrip("=")

    return ".".join(
        [part(json.dumps(header).encode()), part(json.dumps(payload).encode()), part(signature)]
    )


def confused() -> str:
    """HS256 with the public key as its secret."""
    pem = RSA.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    text = raw({"alg": "HS256", "typ": "at+jwt", "kid": "rsa"}, claims()).rpartition(".")[0]
    signature = hmac.digest(pem, text.encode(), hashlib.sha256)
    return f"{text}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def forged() -> str:
    head, _, signature = token().split(".")
    body = raw({}, claims(roles=["director"])).split(".")[1]
    return f"{head}.{body}.{signature}"


def signed(payload: str, header: str | None = None) -> str:
    """Any text at all as claims (and as header), with a signature that holds."""
    head = header or json.dumps({"typ": "at+jwt", "kid": "ed", "alg": "EdDSA"})
    parts = [base64.urlsafe_b64encode(p.encode()).decode().rstrip("=") for p in (head, payload)]
    signature = ED.sign(".".join(parts).encode())
    return ".".join([*parts, base64.urlsafe_b64encode(signature).decode().rstrip("=")])


def doubled(name: str, value: str) -> str:
    return signed(json.dumps(claims())[:-1] + f', "{name}": {value}}}')


STRANGER_JWK = jwt.algorithms.OKPAlgorithm.to_jwk(STRANGER.public_key(), as_dict=True)
NOW = int(time.time())
BAD = {
    "nothing": lambda: "",
    "not a token": lambda: "hello",
    "dots": lambda: "..",
    "not base64": lambda: "é.ü.ß",
    "too long": lambda: "x" * 9000,
    "alg none": lambda: raw({"alg": "none", "typ": "at+jwt", "kid": "ed"}, claims()),
    "alg none, capitals": lambda: raw({"alg": "NONE", "typ": "at+jwt", "kid": "ed"}, claims()),
    "no alg": lambda: raw({"typ": "at+jwt", "kid": "ed"}, claims()),
    "public key as secret": confused,
    "body changed": forged,
    "signature cut off": lambda: token().rpartition(".")[0] + ".",
    "symmetric key of the set": lambda: token("shared", "HS256", b"secret" * 8),
    "stranger's key, our id": lambda: token(key=STRANGER),
    "unknown key id": lambda: token("nobody", key=STRANGER),
    "no key id": lambda: token(headers={"kid": None}),
    "weak key": lambda: token("weak", "RS256"),
    "other curve": lambda: token("p384", "ES384"),
    "RS384 with the key of RS256": lambda: token("rsa", "RS384"),
    "PS256 with the key of RS256": lambda: token("rsa", "PS256"),
    "crit": lambda: token(headers={"crit": ["x"], "x": 1}),
    "jku": lambda: token(headers={"jku": "https://evil.test/jwks.json"}),
    "x5u": lambda: token(headers={"x5u": "https://evil.test/cert.pem"}),
    "jwk in the token": lambda: token(key=STRANGER, headers={"jwk": STRANGER_JWK}),
    "id token": lambda: token(typ="JWT"),
    "no type": lambda: token(typ=None),
    "expired": lambda: token(exp=NOW - 31),
    "no expiry": lambda: token(exp=None),
    "expiry as text": lambda: token(exp="soon"),
    "not yet": lambda: token(nbf=NOW + 3600),
    "other audience": lambda: token(aud="shop"),
    "several audiences": lambda: token(aud=["billing", "shop"]),
    "no audience": lambda: token(aud=None),
    "other issuer": lambda: token(iss="https://evil.test"),
    "issuer with a suffix": lambda: token(iss=ISSUER + "/"),
    "no issuer": lambda: token(iss=None),
    "no subject": lambda: token(sub=None),
    "empty subject": lambda: token(sub=""),
    "no tenant": lambda: token(tenant=None),
    "tenant no UUID": lambda: token(tenant="acme"),
    "tenant a number": lambda: token(tenant=7),
    "no client": lambda: token(client_id=None),
    "empty client": lambda: token(client_id=""),
    "roles a text": lambda: token(roles="director"),
    "roles with a number": lambda: token(roles=["clerk", 1]),
    "scope a list": lambda: token(scope=["invoices:read"]),
    "roles an object": lambda: token(roles={"director": True}),
    "roles doubled": lambda: doubled("roles", '["director"]'),
    "tenant doubled": lambda: doubled("tenant", f'"{TENANT}"'),
    "alg doubled": lambda: signed(
        json.dumps(claims()), '{"typ":"at+jwt","kid":"ed","alg":"none","alg":"EdDSA"}'
    ),
    "x5c in the token": lambda: token(headers={"x5c": ["MIIB"]}),
    "crit that is empty": lambda: signed(
        json.dumps(claims()), '{"typ":"at+jwt","kid":"ed","alg":"EdDSA","crit":[]}'
    ),
    "header nested deep": lambda: signed(json.dumps(claims()), "[" * 3000 + "]" * 3000),
    "claims nested deep": lambda: signed('{"a":' * 800 + "1" + "}" * 800),
    "claims a list": lambda: signed("[1]"),
    "claims a number": lambda: signed("1"),
    "kid a number": lambda: signed(json.dumps(claims()), '{"typ":"at+jwt","kid":1,"alg":"EdDSA"}'),
    "kid a path": lambda: token("../../etc/passwd", key=STRANGER),
    "kid with SQL": lambda: token("' or '1'='1", key=STRANGER),
    "signed twice (JSON form)": lambda: json.dumps({"payload": "", "signatures": []}),
    "encrypted (five parts)": lambda: token() + ".x.y",
    "expiry infinite": lambda: token(exp=float("inf")),
    "expiry no number": lambda: token(exp=float("nan")),
    "expiry beyond a float": lambda: token(exp=10**400),
    "expiry negative": lambda: token(exp=-1),
    "expiry true": lambda: token(exp=True),
    "not-before infinite": lambda: token(nbf=float("inf")),
    "issuer a list": lambda: signed(json.dumps(claims(iss=[ISSUER]))),
    "audience a prefix": lambda: token(aud="billing-admin"),
    "subject a number": lambda: token(sub=7),
    "subject with a NUL": lambda: token(sub="carla\x00"),
    "subject with a line break": lambda: token(sub="carla\nlevel=critical"),
    "subject half a character": lambda: signed(json.dumps(claims(sub="\ud800"))),
    "subject endless": lambda: token(sub="x" * 256),
    "client with a NUL": lambda: token(client_id="desk\x00"),
    "tenant of nobody": lambda: token(tenant="00000000-0000-0000-0000-000000000000"),
    "tenant a list": lambda: token(tenant=[TENANT]),
}


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_token_is_refused(name):
    with pytest.raises(Unauthenticated) as caught:
        await verify(BAD[name]())
    assert caught.value.code == "unauthenticated"


async def test_the_maker_of_signed_texts_makes_good_tokens_too():
    """Or the refusals above would show nothing."""
    assert (await verify(signed(json.dumps(claims())))).tenant_id == UUID(TENANT)


async def test_scopes_narrow_roles_and_stand_alone():
    async def scopes(**changes):
        return (await verify(token(**changes))).scopes

    assert await scopes(scope="invoices:read audit:read") == {"invoices:read"}
    assert await scopes(scope="openid profile") == ROLE_SCOPES["clerk"]
    assert await scopes(scope="unheard-of:write") == set()
    assert await scopes(roles=[], scope="invoices:read made-up:read") == {"invoices:read"}
    assert await scopes(roles=None) == set()
    assert await scopes(roles=["emperor"]) == set()
    assert await scopes(roles=["emperor"], scope="invoices:read") == set()


async def test_a_flood_of_unknown_keys_asks_the_issuer_once():
    issuer = Issuer()
    verifier = Verifier(issuer.keys(), ISSUER)
    for i in range(50):
        with pytest.raises(Unauthenticated):
            await verifier.verify(token(f"flood-{i}", key=STRANGER))
    assert issuer.fetched == 1
    issuer.at += auth.REFRESH_SECONDS + 1
    with pytest.raises(Unauthenticated):
        await verifier.verify(token("flood", key=STRANGER))
    assert issuer.fetched == 2


async def test_a_new_key_is_found_and_the_old_ones_are_served_while_the_issuer_is_away():
    issuer = Issuer({"keys": [key for key in JWKS["keys"] if key["kid"] == "rsa"]})
    verifier = Verifier(issuer.keys(), ISSUER)
    await verifier.verify(token("rsa", "RS256"))
    issuer.document = JWKS
    with pytest.raises(Unauthenticated):
        await verifier.verify(token())
    issuer.at += auth.REFRESH_SECONDS + 1
    await verifier.verify(token())
    issuer.document = None
    issuer.at += auth.KEY_AGE_SECONDS + 1
    await verifier.verify(token(sub="somebody else"))


async def test_a_withdrawn_key_stops_working():
    issuer = Issuer()
    keys = issuer.keys()
    await Verifier(keys, ISSUER).verify(token())
    issuer.document = {"keys": [key for key in JWKS["keys"] if key["kid"] == "rsa"]}
    issuer.at += auth.KEY_AGE_SECONDS + 1
    await keys.get("ed")
    assert keys._renewal is not None
    await keys._renewal
    with pytest.raises(Unauthenticated):
        await Verifier(keys, ISSUER).verify(token())


async def test_without_any_key_the_answer_is_try_again():
    issuer = Issuer()
    issuer.document = None
    with pytest.raises(Unavailable):
        await Verifier(issuer.keys(), ISSUER).verify(token())


async def test_a_verified_token_is_remembered_for_a_minute_and_not_beyond_its_end(monkeypatch):
    now = time.time()
    verifier = Verifier(Issuer().keys(), ISSUER, lambda: now)
    short, long = token(exp=int(now) + 10), token()
    decoded = []
    real = jwt.decode
    monkeypatch.setattr(jwt, "decode", lambda *a, **k: decoded.append(1) or real(*a, **k))
    for text in (short, short, long, long):
        await verifier.verify(text)
    assert len(decoded) == 2
    now += 11
    await verifier.verify(short)
    await verifier.verify(long)
    assert len(decoded) == 3
    now += 60
    await verifier.verify(long)
    assert len(decoded) == 4


def test_a_key_set_that_is_none_is_an_error():
    for document in (b"", b"[]", b"{}", b'{"keys": 1}'):
        with pytest.raises((ValueError, KeyError, TypeError)):
            read_key_set(document)


async def test_the_local_issuer(tmp_path):
    keys = make_local_keys(tmp_path / "keys")
    assert make_local_keys(tmp_path / "keys") == keys
    assert keys.private_key_file.stat().st_mode & 0o077 == 0
    assert "d" not in json.loads(keys.jwks_file.read_text())["keys"][0]
    verifier = Verifier(KeySet(from_file(keys.jwks_file)), ISSUER)
    text = mint(
        keys.private_key_file, tenant_id=UUID(TENANT), roles=["director"], issuer=ISSUER,
        scope="policies:read",
    )  # fmt: skip
    principal = await verifier.verify(text)
    assert principal.scopes == {"policies:read"}
    with pytest.raises(ValueError, match="emperor"):
        mint(keys.private_key_file, tenant_id=UUID(TENANT), roles=["emperor"], issuer=ISSUER)
