"""A loopback server that answers every request at once, in a process of its own. It does the least it can, so that the clients are measured."""

from __future__ import annotations

import asyncio
import multiprocessing
import re
import socket

ELEMENT = (
    b'{"messageId":"%s","status":{"groupId":1,"groupName":"PENDING","id":26,"name":"PENDING_ACCEPTED",'
    b'"description":"Message sent to next instance"},"destination":"447700900123"}'
)
IDS = re.compile(rb'"messageId":\s*"([^"]*)"')


class _Answers(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.buffer = transport, b""

    def data_received(self, data):
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            head, _, rest = self.buffer.partition(b"\r\n\r\n")
            at = head.lower().find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(rest) < length:
                return
            body, self.buffer = rest[:length], rest[length:]
            elements = [ELEMENT % one for one in IDS.findall(body) or [b"none"]]
            answer = b'{"messages":[%s],"sid":"SM1","status":"queued"}' % b",".join(elements)
            self.transport.write(
                b"HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
                % (len(answer), answer)
            )


def _serve(listener):
    async def main():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(_Answers, sock=listener)
        await server.serve_forever()

    asyncio.run(main())


class Loopback:
    def __enter__(self):
        listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._process = multiprocessing.get_context("fork").Process(
            target=_serve, args=(listener,), daemon=True
        )
        self._process.start()
        self.pid = self._process.pid
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    def __exit__(self, *_):
        self._process.terminate()
        self._process.join()
