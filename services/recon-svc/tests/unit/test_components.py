"""Facts are split by what joins them."""

from uuid import UUID

from recon_svc.domain.components import Component, components

A, B, C, D, E = (UUID(int=n) for n in range(1, 6))


def test_what_is_joined_stays_together_and_the_rest_apart() -> None:
    nodes = [("invoice", A), ("payment", B), ("customer", C), ("invoice", D), ("reversal", E)]
    found = components(nodes, [(A, B), (B, C), (E, UUID(int=99))])
    assert found == [
        Component(frozenset({A}), frozenset({B}), frozenset(), frozenset({C})),
        Component(invoices=frozenset({D})),
        Component(reversals=frozenset({E})),
    ]
