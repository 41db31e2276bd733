"""What a listener of rebalances awaits can deadlock the group: it clears a flag and no more."""

from billing_shared.consumer import _OnRebalance


class Flag:
    """A consumer that has nothing but its flag: no pool, no broker."""

    cleared = 0

    def forget_positions(self):
        self.cleared += 1


def test_a_listener_does_nothing_but_clear_the_flag():
    flag = Flag()
    listener = _OnRebalance(flag)
    # Nothing to await, so nothing was awaited.
    assert listener.on_partitions_revoked([]) is None
    assert listener.on_partitions_assigned([]) is None
    assert flag.cleared == 2
