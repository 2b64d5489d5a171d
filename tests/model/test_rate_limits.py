from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_channels._model.rate_limit import RateLimit, reserve

rates = st.builds(
    RateLimit,
    st.floats(0.1, 1000),
    st.floats(0.1, 100),
    st.integers(1, 50),
)


@given(rates, st.lists(st.floats(0, 5), min_size=1, max_size=60))
def test_no_window_lets_more_through_than_the_rate_allows(rate: RateLimit, gaps: list[float]) -> None:
    due, now = 0.0, 1000.0
    times: list[float] = []
    for gap in gaps:
        now += gap
        due, wait = reserve(due, rate, now)
        times.append(now + wait)
    assert times == sorted(times)
    for first, start in enumerate(times):
        for last in range(first, len(times)):
            allowed = rate.burst + (times[last] - start) / rate.interval
            assert last - first + 1 <= allowed + 1e-6


@given(rates, st.floats(0, 1e9))
def test_a_burst_goes_at_once_after_a_rest(rate: RateLimit, now: float) -> None:
    due = 0.0
    for _ in range(rate.burst):
        due, wait = reserve(due, rate, now)
        assert wait <= 1e-6 * max(now, 1)


@pytest.mark.parametrize("wrong", [(0, 1, 1), (1, 0, 1), (1, 1, 0), (-1, 1, 1)])
def test_a_rate_that_lets_nothing_through_is_refused(wrong: tuple[float, float, int]) -> None:
    with pytest.raises(ValueError, match="positive"):
        RateLimit(*wrong)
