"""S9: where a webhook may go."""

from ipaddress import ip_address

import pytest

from billing_shared.errors import Invalid
from notify_svc.domain.endpoint import (
    MAX_URL_LENGTH,
    callable_addresses,
    check_endpoint,
    is_public,
    parse_endpoint,
)

NONE: frozenset[str] = frozenset()

PUBLIC = ["93.184.216.34", "8.8.8.8", "2606:2800:220:1::1", "::ffff:8.8.8.8", "64:ff9b::808:808"]
PRIVATE = [
    "127.0.0.1",
    "127.255.255.254",
    "10.0.0.1",
    "172.16.5.4",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "239.1.1.1",
    "240.0.0.1",
    "255.255.255.255",
    "192.0.2.7",
    "198.18.0.1",
    "::1",
    "::",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:10.1.2.3",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b:1::a00:1",
    "2002:7f00:1::1",
    "2002:a00:1::",
    "2001:0:7f00:1::1",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd12:3456::1",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_called(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_that_are_not_public_are_never_called(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/hook",
        "https://127.0.0.1/",
        "https://0x7f.1/",
        "https://2130706433/",
        "https://017700000001/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://169.254.169.254/latest/meta-data",
        "https://127.0.0.1./",
    ],
)
def test_a_url_that_can_never_be_called_is_refused_at_once(url: str) -> None:
    with pytest.raises(Invalid):
        check_endpoint(parse_endpoint(url), NONE)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "no url",
        "ftp://example.com/",
        "https://",
        "https://user:pw@example.com/",
        "https://user@example.com/",
        "https://example.com/#part",
        "https://exa mple.com/",
        "file:///etc/passwd",
        "https://example.com:99999/",
        "https://example.com/" + "x" * MAX_URL_LENGTH,
    ],
)
def test_what_is_no_plain_url_is_refused(url: str) -> None:
    with pytest.raises(Invalid):
        parse_endpoint(url)


def test_a_url_is_kept_in_one_spelling() -> None:
    endpoint = parse_endpoint("HTTPS://Bücher.Example.:443/a b?q=ü")
    assert endpoint.url == "https://xn--bcher-kva.example./a%20b?q=%C3%BC"
    assert endpoint.host_and_port == "xn--bcher-kva.example:443"
    assert endpoint.target == "/a%20b?q=%C3%BC"
    check_endpoint(endpoint, NONE)


def test_a_name_with_one_private_address_among_public_ones_is_not_called() -> None:
    endpoint = parse_endpoint("https://rebinding.example/")
    assert callable_addresses(endpoint, ["8.8.8.8", "127.0.0.1"], NONE) == []
    assert callable_addresses(endpoint, ["8.8.8.8", "8.8.8.8"], NONE) == ["8.8.8.8"]
    assert callable_addresses(endpoint, [], NONE) == []
    assert callable_addresses(endpoint, ["not an address"], NONE) == []


def test_only_the_very_host_and_port_an_operator_names_may_be_private() -> None:
    allowed = frozenset({"127.0.0.1:1081", "receiver:8080"})
    check_endpoint(parse_endpoint("http://127.0.0.1:1081/hooks/a"), allowed)
    local = parse_endpoint("http://receiver:8080/")
    assert callable_addresses(local, ["172.18.0.7"], allowed) == ["172.18.0.7"]
    with pytest.raises(Invalid):
        check_endpoint(parse_endpoint("http://127.0.0.1:1082/"), allowed)
    other = parse_endpoint("https://other.example:8080/")
    assert callable_addresses(other, ["172.18.0.7"], allowed) == []
    plain = parse_endpoint("http://public.example/")
    assert callable_addresses(plain, ["8.8.8.8"], allowed) == []
