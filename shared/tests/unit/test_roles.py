from itertools import pairwise

from billing_shared.roles import ALL_SCOPES, ROLE_SCOPES, ROLES, STAFF, rank


def test_staff_roles_rise():
    for lower, higher in pairwise(STAFF):
        assert ROLE_SCOPES[lower] < ROLE_SCOPES[higher]
        assert rank([lower]) < rank([higher, lower])
    assert rank(["auditor"]) == 0


def test_every_role_is_told_and_every_scope_exists():
    assert ROLES.keys() == ROLE_SCOPES.keys()
    assert frozenset().union(*ROLE_SCOPES.values()) <= ALL_SCOPES
    for scopes in ROLE_SCOPES.values():
        assert all(s.replace(":write", ":read") in scopes for s in scopes)


def test_the_auditor_reads_everything_and_changes_nothing():
    assert ROLE_SCOPES["auditor"] == {s for s in ALL_SCOPES if s.endswith(":read")}


def test_an_operator_sees_no_amounts_and_no_names():
    nouns = {scope.split(":")[0] for scope in ROLE_SCOPES["operator"]}
    assert nouns == {"dead-letters", "replays", "jobs"}
