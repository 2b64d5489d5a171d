"""A bot's API on loopback: takes messages, refuses some chats, and calls the webhook.

From any language: `python -m messaging_channels_telegram.emulator --webhook-url http://127.0.0.1:8000/hooks/telegram`.
"""

from __future__ import annotations

import json
import time
from typing import Any

from messaging_channels.plugins import HttpRequest, HttpResponse
from messaging_channels.testing import Emulator, Request, json_response, serve

TOKEN = "900100:made-up-token-of-the-emulator"
REFUSED: dict[str, tuple[int, str, dict[str, Any]]] = {
    "900100901": (403, "Forbidden: bot was blocked by the user", {}),
    "900100902": (400, "Bad Request: chat not found", {}),
    "900100903": (429, "Too Many Requests: retry after 3", {"retry_after": 3}),
}
"""Chats that are refused, and how."""


class TelegramEmulator(Emulator):
    """Use it as a context manager; `url` is the provider's `base_url`, `taken` what it took."""

    def __init__(
        self,
        *,
        token: str = TOKEN,
        webhook_secret: str = "made-up",
        webhook_url: str | None = None,
        port: int = 0,
    ) -> None:
        """Bind the port; call `webhook_url`."""
        super().__init__(port=port)
        self.taken: list[dict[str, Any]] = []
        self._token, self._secret, self._webhook_url = token, webhook_secret, webhook_url
        self._updates = 0

    def handle(self, request: Request) -> HttpResponse:
        """See Emulator."""
        bot, _, method = request.path.removeprefix("/").partition("/")
        if bot != f"bot{self._token}":
            return _error(401, "Unauthorized", {})
        if method not in ("sendMessage", "sendPhoto"):
            return _error(404, "Not Found", {})
        try:
            message: Any = request.json()
            chat, words = str(message["chat_id"]), message["text" if method == "sendMessage" else "photo"]
        except (ValueError, KeyError, TypeError):
            return _error(400, "Bad Request: message text is empty", {})
        if not words:
            return _error(400, "Bad Request: message text is empty", {})
        if chat in REFUSED:
            return _error(*REFUSED[chat])
        self.taken.append({"method": method, **message})
        told = {"message_id": len(self.taken), "chat": {"id": int(chat)}, "date": int(time.time())}
        return json_response({"ok": True, "result": told})

    def state(self) -> Any:
        """See Emulator."""
        return self.taken

    def receive(self, kind: str, **fields: Any) -> None:
        """Have something happen, such as `receive("message", chat={"id": 900100200}, text="Hello")`."""
        self._updates += 1
        update = {"update_id": self._updates, kind: {"message_id": 1, "date": int(time.time()), **fields}}
        if self._webhook_url is not None:
            headers = {"content-type": "application/json", "x-telegram-bot-api-secret-token": self._secret}
            self.report(HttpRequest("POST", self._webhook_url, headers, json.dumps(update).encode()))


def _error(code: int, words: str, parameters: dict[str, Any]) -> HttpResponse:
    more = {"parameters": parameters} if parameters else {}
    return json_response({"ok": False, "error_code": code, "description": words, **more}, status=code)


if __name__ == "__main__":
    serve(
        lambda options: TelegramEmulator(
            token=options.token, webhook_url=options.webhook_url, port=options.port
        ),
        add_arguments=lambda parser: parser.add_argument("--token", default=TOKEN),
    )
