import socket

from billing_local.ports import HOST, PORT_RANGE, claim_ports


def test_ports_are_distinct_and_remembered(tmp_path):
    file = tmp_path / "ports.json"
    first = claim_ports(file, ["a", "b", "c"])
    assert len(set(first.values())) == 3
    assert set(first.values()) <= set(PORT_RANGE)
    assert claim_ports(file, ["a", "b", "c"]) == first


def test_a_taken_port_is_replaced_and_the_others_stay(tmp_path):
    file = tmp_path / "ports.json"
    first = claim_ports(file, ["a", "b"])
    with socket.socket() as other:
        other.bind((HOST, first["a"]))
        other.listen()
        second = claim_ports(file, ["a", "b"])
    assert second["a"] != first["a"]
    assert second["b"] == first["b"]
