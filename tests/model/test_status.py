from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_channels._model import status as statuses
from messaging_channels._model.status import Status, StatusGroup, merge

known = st.sampled_from([status for _, status in statuses.known_statuses()])
foreign = st.builds(
    Status,
    st.integers(-1, 9),
    st.text(max_size=3),
    st.integers(0, 99),
    st.text(max_size=3),
    st.text(max_size=3),
)
any_status = known | foreign


@given(any_status, any_status)
def test_merging_is_commutative(one: Status, other: Status) -> None:
    assert merge(one, other) == merge(other, one)


@given(any_status, any_status, any_status)
def test_merging_is_associative(one: Status, two: Status, three: Status) -> None:
    assert merge(merge(one, two), three) == merge(one, merge(two, three))


@given(any_status)
def test_merging_is_idempotent(one: Status) -> None:
    assert merge(one, one) == one


@given(st.lists(any_status, min_size=1), st.randoms())
def test_reports_in_any_order_and_number_give_the_same_status(reports: list[Status], random: object) -> None:
    shuffled = [*reports, reports[0]]
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    assert merge(*shuffled) == merge(*reports)


@given(known, any_status)
def test_a_final_status_never_becomes_pending_again(one: Status, other: Status) -> None:
    if one.final:
        assert merge(one, other).final


@given(known)
def test_proof_of_delivery_outweighs_everything(one: Status) -> None:
    delivered = statuses.DELIVERED_TO_HANDSET

    assert merge(one, delivered).group is StatusGroup.DELIVERED


def test_an_id_means_different_things_in_different_groups_and_channels() -> None:
    assert statuses.known(4, 87).name == "SIGNALS_BLOCKED"
    assert statuses.known(5, 87, channel="voice").name == "REJECTED_INVALID_DELIVERY_TIME_WINDOW"
    assert statuses.lookup(5, 87, channel="sms") == statuses.known(5, 87)
    assert statuses.lookup(5, 87, channel="voice") == statuses.known(5, 87, channel="voice")


def test_numbers_nobody_knows_are_kept_as_they_came() -> None:
    strange = Status(7, "PARKED", 701, "PARKED_IN_ORBIT")

    assert strange.group is None
    assert not strange.final
    assert merge(strange, statuses.known(0, 0, channel="legacy")) == strange
    assert statuses.from_dict(strange.as_dict()) == strange


def test_merging_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        merge()
