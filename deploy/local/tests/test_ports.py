import json
import socket
import subprocess
import sys

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


def test_no_port_is_given_to_two_launchers_before_either_binds_it(tmp_path):
    ours = claim_ports(tmp_path / "ours.json", ["api"])
    (tmp_path / "theirs.json").write_text(json.dumps(ours))
    script = (
        "import sys; from pathlib import Path; from billing_local.ports import claim_ports;"
        "print(claim_ports(Path(sys.argv[1]), ['api'])['api'])"
    )
    argv = [sys.executable, "-c", script, str(tmp_path / "theirs.json")]
    theirs = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert int(theirs.stdout) != ours["api"]
    assert claim_ports(tmp_path / "ours.json", ["api"]) == ours, "what we have stays ours"
