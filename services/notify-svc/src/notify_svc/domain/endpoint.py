"""Where a webhook may go: https to public addresses, and what an operator allows besides.

A subscriber chooses the URL and we call it from inside the cluster, so a URL is an attack until
shown otherwise: every address its name resolves to must be public, at every attempt.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from pydantic_core import Url, ValidationError

from billing_shared.errors import invalid

MAX_URL_LENGTH = 2_000

#: Carries an IPv4 address in its last 32 bits, which a gateway unwraps.
_NAT64 = IPv6Network("64:ff9b::/96")
#: Not told apart by every Python 3.11: IPv4-compatible, local NAT64, Teredo.
_NEVER = tuple(map(IPv6Network, ("::/96", "64:ff9b:1::/48", "2001::/32")))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A parsed webhook URL. `host` is lower case ASCII (an IPv6 address without brackets)."""

    url: str
    scheme: str
    host: str
    port: int
    target: str

    @property
    def host_and_port(self) -> str:
        return f"{self.host}:{self.port}"


def parse_endpoint(text: str, field: str = "url") -> Endpoint:
    """Read a URL as browsers do (`https://0x7f.1` is 127.0.0.1), or Invalid."""
    if len(text) > MAX_URL_LENGTH:
        raise invalid(field, f"longer than {MAX_URL_LENGTH} characters")
    try:
        url = Url(text)
    except ValidationError as error:
        raise invalid(field, error.errors()[0]["msg"]) from None
    if url.scheme not in ("https", "http") or not url.host or url.port is None:
        raise invalid(field, "not an http(s) URL with a host")
    if url.username or url.password:
        raise invalid(field, "must not carry a user name or password")
    if url.fragment:
        raise invalid(field, "must not carry a fragment")
    host = url.host.removeprefix("[").removesuffix("]").rstrip(".").lower()
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    return Endpoint(url=str(url), scheme=url.scheme, host=host, port=url.port, target=target)


def check_endpoint(endpoint: Endpoint, allowed: frozenset[str], field: str = "url") -> None:
    """What can be said without asking the DNS; Invalid if the URL can never be called.

    `allowed` are the `host:port` an operator lets pass, with http and private addresses.
    """
    if endpoint.host_and_port in allowed:
        return
    if endpoint.scheme != "https":
        raise invalid(field, "only https is called")
    try:
        address = ip_address(endpoint.host)
    except ValueError:
        return
    if not is_public(address):
        raise invalid(field, "not a public address")


def callable_addresses(
    endpoint: Endpoint, addresses: Iterable[str], allowed: frozenset[str]
) -> list[str]:
    """The resolved addresses we may connect to: all of them, or none.

    One private address among public ones means that the name is not to be trusted (DNS rebinding).
    """
    found = list(dict.fromkeys(addresses))
    if endpoint.host_and_port in allowed:
        return found
    if endpoint.scheme != "https" or not all(_is_public_text(address) for address in found):
        return []
    return found


def _is_public_text(text: str) -> bool:
    try:
        return is_public(ip_address(text))
    except ValueError:
        return False


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is of the public Internet, whatever it is wrapped in."""
    if isinstance(address, IPv6Address):
        inner = _wrapped(address)
        if inner is not None:
            return is_public(inner)
        if address.scope_id or address.is_site_local:
            return False
        if any(address in network for network in _NEVER):
            return False
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_unspecified
    )


def _wrapped(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address inside a mapped, 6to4 or NAT64 address."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return None
