"""What is kept of one recipient is told to an operator, and forgotten when an operator asks for it."""

from __future__ import annotations

from typing import Any

import pytest

TO, OTHER = "+447700900731", "+441632960731"  # of these tests alone: the gateway is shared


def _operator(served: Any) -> Any:
    return served.with_key(served.gateway.api_keys.create("operator", tenant="default", scopes=["operate"]))


def _send(served: Any, to: str) -> str:
    answer = served.client.post("/v1/apps/message/sms", json={"to": to, "content": {"text": "hello"}})
    return str(answer.raise_for_status().json()["messages"][0]["messageId"])


def test_an_operator_is_told_all_and_has_it_forgotten(served: Any) -> None:
    mine, other = _send(served, TO), _send(served, OTHER)
    operator = _operator(served)

    told = operator.post("/v1/recipients/export", json={"address": TO}).raise_for_status().json()
    gone = operator.post("/v1/recipients/erase", json={"address": TO}).raise_for_status().json()
    again = operator.post("/v1/recipients/erase", json={"address": TO}).raise_for_status().json()
    left = operator.post("/v1/recipients/export", json={"address": OTHER}).raise_for_status().json()

    assert [one["messageId"] for one in told["messages"]] == [mine]
    assert (gone["messages"], again["messages"]) == (1, 0)
    assert [one["messageId"] for one in left["messages"]] == [other]


def test_an_address_is_read_by_the_channel_that_is_named(served: Any) -> None:
    served.client.post(
        "/v1/apps/message/whatsapp", json={"to": "GB.731", "content": {"text": "hello"}}
    ).raise_for_status()
    operator = _operator(served)
    whom = {"address": "GB.731", "channel": "whatsapp"}

    told = operator.post("/v1/recipients/export", json=whom).raise_for_status().json()
    gone = operator.post("/v1/recipients/erase", json=whom).raise_for_status().json()
    unknown = operator.post("/v1/recipients/erase", json={**whom, "channel": "pigeon"})
    wrong = operator.post("/v1/recipients/erase", json={**whom, "channel": "sms"})

    assert (len(told["messages"]), gone["messages"]) == (1, 1)
    assert unknown.status_code in (400, 422)
    assert wrong.json()["code"] == "invalid_address"


@pytest.mark.parametrize("call", ["export", "erase"])
def test_a_tenant_is_told_nothing_of_others_and_erases_nobody(served: Any, call: str) -> None:
    refused = served.client.post(f"/v1/recipients/{call}", json={"address": TO})
    unknown = served.with_key("nobody").post(f"/v1/recipients/{call}", json={"address": TO})

    assert (refused.status_code, unknown.status_code) == (403, 401)


@pytest.mark.parametrize("address", ["", "nonsense", "a@", "+44", 7, None, [TO]])
def test_what_is_no_address_is_refused(served: Any, address: Any) -> None:
    answer = _operator(served).post("/v1/recipients/erase", json={"address": address})

    assert answer.status_code in (400, 422)
    assert "nonsense" not in answer.text
