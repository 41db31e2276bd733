"""Connected components: facts that may compete for the same money are settled together."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

#: A fact is known by its kind and id: `invoice`, `payment`, `reversal`, or `customer`.
Node = tuple[str, UUID]


@dataclass(frozen=True, slots=True)
class Component:
    """The facts of one component, by kind."""

    invoices: frozenset[UUID] = field(default_factory=frozenset)
    payments: frozenset[UUID] = field(default_factory=frozenset)
    reversals: frozenset[UUID] = field(default_factory=frozenset)
    customers: frozenset[UUID] = field(default_factory=frozenset)


def components(nodes: Iterable[Node], edges: Iterable[tuple[UUID, UUID]]) -> list[Component]:
    """Split nodes by the edges between them, in the order of each component's first node."""
    kinds = {id_: kind for kind, id_ in nodes}
    parent = {id_: id_ for id_ in kinds}

    def root(id_: UUID) -> UUID:
        while parent[id_] != id_:
            parent[id_] = parent[parent[id_]]
            id_ = parent[id_]
        return id_

    for one, other in edges:
        if one in parent and other in parent:
            parent[root(one)] = root(other)
    members: dict[UUID, dict[str, set[UUID]]] = {}
    for id_, kind in kinds.items():
        members.setdefault(root(id_), {}).setdefault(kind, set()).add(id_)
    return [
        Component(
            invoices=frozenset(kind.get("invoice", ())),
            payments=frozenset(kind.get("payment", ())),
            reversals=frozenset(kind.get("reversal", ())),
            customers=frozenset(kind.get("customer", ())),
        )
        for kind in members.values()
    ]
