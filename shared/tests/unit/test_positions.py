"""Where a log is read from, and when it is not the log that was read."""

import pytest

from billing_shared.positions import Alarm, Stored, start_of


@pytest.mark.parametrize(
    ("stored", "begin", "end", "seek", "probe", "alarm"),
    [
        (Stored(0, None), 0, 0, 0, None, None),
        (Stored(7, "r6"), 0, 7, 6, "r6", None),
        (Stored(7, "r6"), 0, 20, 6, "r6", None),
        # The record that could prove the log has expired, as it should.
        (Stored(7, "r6"), 7, 20, 7, None, None),
        (Stored(7, "r6"), 9, 20, 9, None, Alarm.RECORDS_EXPIRED),
        (Stored(7, "r6"), 0, 0, 0, None, Alarm.LOG_LOST),
        (Stored(7, "r6"), 3, 3, 3, None, Alarm.LOG_LOST),
        # The end told may be the start of the last batch: what stands there decides.
        (Stored(7, "r6"), 0, 3, 2, "r6", None),
    ],
)
def test_where_reading_starts(stored, begin, end, seek, probe, alarm):
    start = start_of(stored, begin, end)
    assert (start.seek, start.position.probe, start.alarm) == (seek, probe, alarm)
