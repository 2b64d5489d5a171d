"""What a framework costs a call of the gateway: `python benchmarks/frameworks.py` (needs FastAPI, which the project does not).

Each application reads the body of the SMS call, validates it with the gateway's own model and answers; nothing is sent. They are called in this process, without a
server, in turns. `fastapi` declares the body as its users do; `fastapi, own route` leaves reading and validating to our code and keeps only its routing and document.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time

BODY = json.dumps({"to": "447700900123", "content": {"text": "Your code is 4821"}}).encode()
COUNT, ROUNDS = 3000, 9
PATH = "/v1/apps/message/{channel}"
ANSWER = {
    "messages": [
        {
            "messageId": "0" * 32,
            "status": {"groupId": 1, "name": "PENDING_ACCEPTED"},
            "destination": "447700900123",
        }
    ]
}


def starlette_app():
    from starlette.requests import Request
    from starlette.routing import Route, Router

    from messaging_channels_gateway.api import strict_json
    from messaging_channels_gateway.api.request_context import json_response
    from messaging_channels_gateway.api.request_models import ADDRESS_BODIES, validate_body

    class Endpoint:
        async def __call__(self, scope, receive, send):
            request = Request(scope, receive, send)
            validate_body(ADDRESS_BODIES["sms"], strict_json.parse_json(await request.body()))
            await json_response(ANSWER)(scope, receive, send)

    return Router([Route(PATH, Endpoint())])


def fastapi_app():
    from fastapi import FastAPI
    from fastapi.responses import JSONResponse

    from messaging_channels_gateway.api.request_models import ADDRESS_BODIES

    app = FastAPI()

    async def endpoint(channel, body):
        return JSONResponse(ANSWER)

    endpoint.__annotations__.update(channel=str, body=ADDRESS_BODIES["sms"])
    app.add_api_route(PATH, endpoint, methods=["POST"])
    return app


def fastapi_own_route():
    from fastapi import FastAPI
    from fastapi.routing import APIRoute
    from starlette.requests import Request

    from messaging_channels_gateway.api import strict_json
    from messaging_channels_gateway.api.request_context import json_response
    from messaging_channels_gateway.api.request_models import ADDRESS_BODIES, validate_body

    class OwnRoute(APIRoute):
        def get_route_handler(self):
            async def handle(request: Request):
                validate_body(ADDRESS_BODIES["sms"], strict_json.parse_json(await request.body()))
                return json_response(ANSWER)

            return handle

    app = FastAPI()
    app.router.route_class = OwnRoute
    app.add_api_route(PATH, lambda: None, methods=["POST"])
    return app


async def call(app):
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "path": "/v1/apps/message/sms",
        "raw_path": b"/v1/apps/message/sms",
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 1),
        "headers": [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))],
    }
    sent = []

    async def receive():
        return {"type": "http.request", "body": BODY, "more_body": False}

    async def send(message):
        sent.append(message)

    await app(scope, receive, send)
    assert sent[0]["status"] == 200, sent


async def main():
    apps = {"starlette": starlette_app(), "fastapi": fastapi_app(), "fastapi, own route": fastapi_own_route()}
    times = {name: [] for name in apps}
    for _ in range(ROUNDS):
        for name, app in apps.items():
            start = time.perf_counter()
            for _ in range(COUNT):
                await call(app)
            times[name].append((time.perf_counter() - start) / COUNT * 1e6)
    for name, found in times.items():
        print(f"{name:20} {statistics.median(found):6.1f} microseconds a call")


if __name__ == "__main__":
    asyncio.run(main())
