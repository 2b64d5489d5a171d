"""The gateway as a part of another ASGI application, below a path of its own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from messaging_channels_gateway import create_app

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.asyncio
async def test_a_gateway_that_is_mounted_answers_and_links_below_its_path(tmp_path: Path) -> None:
    gateway_app = create_app(home=tmp_path)
    key = gateway_app.gateway.api_keys.create("test")
    outer: Any = httpx.ASGITransport(Starlette(routes=[Mount("/messages", gateway_app)]))
    async with (
        gateway_app.gateway.running(),
        httpx.AsyncClient(transport=outer, base_url="http://localhost") as client,
    ):
        body = {"to": "38598123456", "content": {"text": "My text message"}}
        sent = await client.post("/messages/v1/apps/message/sms", json=body, headers={"x-api-key": key})
        places = (await client.get("/messages/")).json()
        login = await client.get("/messages/operator")
        opened = await client.post("/messages/operator/login", data={"key": key})
        page = await client.get("/messages/operator/messages")

    assert sent.json()["messages"][0]["status"]["name"] == "PENDING_ACCEPTED"
    assert places["docs"] == "/messages/docs"
    assert login.headers["location"].startswith("/messages/operator/login?next=")
    assert opened.headers["location"] == "/messages/operator"
    assert page.status_code == 200
    links = re.findall(r'(?:href|action|src)="(/[^"]*)"', page.text)
    assert links
    assert [one for one in links if not one.startswith("/messages/")] == []
