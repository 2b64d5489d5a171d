"""The address call of the gateway beside bare Starlette endpoints: `python benchmarks/gateway.py [--start CHECKOUT]`.

`bare` validates and answers; `durable` also inserts one row in SQLite (WAL, synchronous=FULL), by group commit: what waits is committed together, and the event loop is
woken once a group. All are served by uvicorn with httptools in a process of their own, on asyncio's own loop. The provider answers at once, and takes one message with every field in a request, as that of Vonage does; so what is measured is the gateway: the key, the strict
JSON, the ledger (two commits: the intent and the outcome), the events and their commit. Rounds take turns, so that a slow moment of the machine hits all. CPU is that of the server's process, all threads.

`--start` adds the gateway of another checkout, by its own copy of this file.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

BODY = {"to": "447700900123", "content": {"text": "Your code is 4821"}}
COUNTS, ROUNDS = {1: 800, 16: 1600, 64: 3200}, 5
LEAST = {1: 0.5, 64: 0.65}
"""Of the rate of `durable`."""


def insert_by_groups(path):
    """Return what inserts a row and waits until it is durable."""
    import sqlite3
    import threading

    waiting, condition = [], threading.Condition()

    def write():
        database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("CREATE TABLE message (id TEXT PRIMARY KEY, destination TEXT, text TEXT)")
        while True:
            with condition:
                while not waiting:
                    condition.wait()
                group = waiting[:]
                waiting.clear()
            database.execute("BEGIN IMMEDIATE")
            database.executemany("INSERT INTO message VALUES (?, ?, ?)", [row for _, row in group])
            database.execute("COMMIT")
            group[0][0].get_loop().call_soon_threadsafe(wake, [one for one, _ in group])

    def wake(futures):
        for one in futures:
            one.set_result(None)

    async def insert(*row):
        future = asyncio.get_running_loop().create_future()
        with condition:
            waiting.append((future, row))
            condition.notify()
        await future

    threading.Thread(target=write, daemon=True).start()
    return insert


def bare_app(*, durable):
    from secrets import token_hex

    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    from messaging_channels_gateway.api.request_models import ADDRESS_BODIES

    model = ADDRESS_BODIES["sms"]
    insert = insert_by_groups(Path(tempfile.mkdtemp()) / "bare.sqlite3") if durable else None

    async def endpoint(request: Request):
        body = model.model_validate(json.loads(await request.body()))
        message_id = token_hex(16)
        if insert is not None:
            await insert(message_id, body.to, body.content.text)
        status = {
            "groupId": 1,
            "groupName": "PENDING",
            "id": 26,
            "name": "PENDING_ACCEPTED",
            "description": "-",
        }
        return JSONResponse(
            {"messages": [{"messageId": message_id, "status": status, "destination": body.to}]}
        )

    return Starlette(routes=[Route("/v1/apps/message/sms", endpoint, methods=["POST"])])


def serve(which):
    import uvicorn

    if which in ("bare", "durable"):
        app = bare_app(durable=which == "durable")
        config = uvicorn.Config(app, port=0, http="httptools", log_config=None, access_log=False)
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
        from messaging_channels_gateway.server import Server, prepare_process
        from pydantic import BaseModel

        class AtOnce:
            name, capabilities, executors = (
                "at-once",
                Capabilities({Sms: frozenset({"sender", "validity_period", "flash"})}),
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
        environment = {"MESSAGING_CHANNELS_HOME": home, "MESSAGING_CHANNELS_AT_ONCE_ON": "1"}
        configuration = Configuration.read(environment=environment, check=False)
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
        prepare_process()  # as `messaging-channels serve` does

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
    times, count = [], COUNTS[connections]

    async def one():
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(count // connections):
            start = time.perf_counter()
            writer.write(request)
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 200"), answer
            length = int(answer.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            times.append(time.perf_counter() - start)
        writer.close()

    start = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(connections)))
    return count / (time.perf_counter() - start), statistics.median(times) * 1e3


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def started(which, checkout=None):
    script, environment = Path(__file__), dict(os.environ)
    if checkout is not None:
        script = Path(checkout) / "benchmarks" / "gateway.py"
        folders = [Path(checkout) / "src", *Path(checkout).glob("plugins/*/src")]
        environment["PYTHONPATH"] = os.pathsep.join(map(str, folders))
    process = subprocess.Popen(
        [sys.executable, str(script), "serve", which], stdout=subprocess.PIPE, text=True, env=environment
    )
    port, key = process.stdout.readline().split()
    return process, int(port), key


def measured(servers, connections):
    found = {which: [] for which in servers}
    for _ in range(ROUNDS):
        for which, (process, port, key) in servers.items():
            before = cpu_seconds(process.pid)
            rate, wait = asyncio.run(load(port, key, connections))
            cpu = (cpu_seconds(process.pid) - before) / COUNTS[connections] * 1e6
            found[which].append((rate, wait, cpu))
    return {
        which: tuple(statistics.median(column) for column in zip(*rounds, strict=True))
        for which, rounds in found.items()
    }


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--start", metavar="CHECKOUT", help="a checkout of an earlier commit")
    options = parser.parse_args()
    servers = {which: started(which) for which in ("bare", "durable", "gateway")}
    if options.start:
        servers["start"] = started("gateway", options.start)
    try:
        for connections in COUNTS:
            found = measured(servers, connections)
            for which, (rate, wait, cpu) in found.items():
                print(
                    f"{connections:3} connections: {which:8} {rate:6.0f}/s {wait:7.2f} ms {cpu:6.0f} us of CPU"
                )
            rate, least = found["gateway"][0], LEAST.get(connections)
            asked = f" (at least {least} is asked)" if least else ""
            print(f"{connections:3} connections: gateway / durable {rate / found['durable'][0]:.2f}{asked}")
    finally:
        for process, *_ in servers.values():
            process.terminate()


if __name__ == "__main__":
    serve(sys.argv[2]) if sys.argv[1:2] == ["serve"] else main()
