"""The address call of the gateway beside a bare Starlette endpoint that only validates and answers: `python benchmarks/gateway.py`.

Both are served by uvicorn in a process of their own; the provider answers at once, so what is measured is the gateway: the key, the strict JSON, the ledger
(two commits, synchronous=FULL, shared by whatever waits), the events and their commit. Rounds take turns, so that a slow moment of the machine hits both.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

BODY = {"to": "447700900123", "content": {"text": "Your code is 4821"}}
COUNT, ROUNDS = 960, 3


def serve(which):
    import uvicorn

    if which == "bare":
        from starlette.applications import Starlette
        from starlette.requests import Request
        from starlette.responses import JSONResponse
        from starlette.routing import Route

        from messaging_channels_gateway.api.request_models import SmsToAddress

        async def endpoint(request: Request):
            body = SmsToAddress.model_validate(json.loads(await request.body()))
            status = {
                "groupId": 1,
                "groupName": "PENDING",
                "id": 26,
                "name": "PENDING_ACCEPTED",
                "description": "-",
            }
            return JSONResponse(
                {"messages": [{"messageId": "0" * 32, "status": status, "destination": body.to}]}
            )

        app = Starlette(routes=[Route("/v1/apps/message/sms", endpoint, methods=["POST"])])
        config = uvicorn.Config(app, port=0, http="h11", log_config=None, access_log=False)
        server = uvicorn.Server(config)
        key = "none"
    else:
        from messaging_channels import Sms
        from messaging_channels._config import plugin_manager as plugins
        from messaging_channels._config.settings import Configuration
        from messaging_channels.plugins import hookimpl
        from messaging_channels._model.outcomes import AttemptResult, Reason
        from messaging_channels.plugins.provider import Capabilities, ProviderSpec
        from messaging_channels_gateway import GatewaySettings
        from messaging_channels_gateway.gateway import open_gateway
        from messaging_channels_gateway.server import Server
        from pydantic import BaseModel

        class AtOnce:
            name, capabilities, executors = (
                "at-once",
                Capabilities({Sms: frozenset()}, max_batch_size=100),
                {},
            )

            def send(self, batch):
                yield from ()
                return [AttemptResult.of(Reason.ACCEPTED, provider_id=envelope.id) for envelope in batch]

        class AtOnceSettings(BaseModel):
            on: bool = True

        class Plugin:
            @hookimpl
            def register_providers(self):
                return [ProviderSpec("at-once", AtOnceSettings, lambda _: AtOnce())]

        home = tempfile.mkdtemp()
        environment = {"MESSAGING_CHANNELS_HOME": home}
        configuration = Configuration.read(environment=environment, use_sandbox_defaults=True)
        configuration = replace(configuration, plugins=plugins.load_plugins(only=(), extra=[Plugin()]))
        gateway = open_gateway(
            configuration,
            GatewaySettings.read(
                configuration,
                key_rate_limit=1e9,
                tenant_rate_limit=1e9,
                rate_limit_burst=10**9,
                poll_interval=60,
            ),
        )
        key = gateway.api_keys.create("benchmark")
        server = Server(gateway, "127.0.0.1", 0)

    async def run():
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        print(server.servers[0].sockets[0].getsockname()[1], key, flush=True)
        await serving

    asyncio.run(run())


async def load(port, key, connections):
    body = json.dumps(BODY).encode()
    head = f"POST /v1/apps/message/sms HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\ncontent-type: application/json\r\n"
    request = f"{head}content-length: {len(body)}\r\n\r\n".encode() + body
    times = []

    async def one(count):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(count):
            start = time.perf_counter()
            writer.write(request)
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 200"), answer
            length = int(answer.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            times.append(time.perf_counter() - start)
        writer.close()

    start = time.perf_counter()
    await asyncio.gather(*(one(COUNT // connections) for _ in range(connections)))
    return COUNT / (time.perf_counter() - start), statistics.median(times) * 1e3


def main():
    servers = {}
    for which in ("bare", "ours"):
        process = subprocess.Popen(
            [sys.executable, __file__, "serve", which], stdout=subprocess.PIPE, text=True
        )
        port, key = process.stdout.readline().split()
        servers[which] = (process, int(port), key)
    try:
        for connections in (1, 16, 64):
            found = {"bare": [], "ours": []}
            for _ in range(ROUNDS):
                for which, (_, port, key) in servers.items():
                    found[which].append(asyncio.run(load(port, key, connections)))
            rates = {which: statistics.median(rate for rate, _ in rounds) for which, rounds in found.items()}
            waits = {which: statistics.median(wait for _, wait in rounds) for which, rounds in found.items()}
            print(
                f"{connections:3} connections: bare {rates['bare']:6.0f}/s ({waits['bare']:.2f} ms),"
                f" gateway {rates['ours']:6.0f}/s ({waits['ours']:.2f} ms), {rates['bare'] / rates['ours']:.1f} times"
            )
    finally:
        for process, *_ in servers.values():
            process.terminate()


if __name__ == "__main__":
    serve(sys.argv[2]) if sys.argv[1:2] == ["serve"] else main()
