"""The extension: the dispatcher of an application, made when it is first asked for."""

from __future__ import annotations

import atexit
import logging
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from flask import current_app

from messaging_channels import Configuration, Dispatcher
from messaging_channels.errors import InvalidSetting
from messaging_channels.plugins import CompositeObserver, Observer
from messaging_channels_flask.commands import messaging_commands
from messaging_channels_flask.webhooks import unsubscribe_rule, webhook_blueprint

if TYPE_CHECKING:
    from flask import Flask

    from messaging_channels.consent import UnsubscribeLinks, UnsubscribePage
    from messaging_channels.events import Event

Handler = TypeVar("Handler", bound=Callable[[Any], Any])
NAME = "messaging_channels"
SETTING = "MESSAGING_CHANNELS"
_KEYS = ("CONFIG", "SANDBOX", "PUBLIC_URL", "URL_PREFIX")
_LOG = logging.getLogger(__name__)


class Messaging(Observer):
    """Gives an application `dispatcher`, addresses for providers, and the commands `flask messaging worker` and `flask messaging doctor`.

    One serves one application, in all of its threads, and begins anew in each process where a server forks.
    """

    def __init__(
        self, app: Flask | None = None, *, make_arguments: Callable[[], Mapping[str, Any]] | None = None
    ) -> None:
        """Take the application now, or later by `init_app`.

        `make_arguments` returns the arguments of a `Dispatcher`, such as `lambda: {"providers": [Sandbox()]}`. Without it, they come from
        `app.config["MESSAGING_CHANNELS"]`, the environment and the TOML file.
        """
        self._make_arguments = make_arguments
        self._handlers: list[tuple[tuple[type, ...], Callable[[Any], Any]]] = []
        self._lock = threading.Lock()
        self._own: Dispatcher | None = None
        self._replacement: Dispatcher | None = None
        self._app: Flask | None = None
        self.blueprint = webhook_blueprint(self._get_dispatcher, self._get_public_url)
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Register addresses and commands. Nothing is connected.

        Raises:
            InvalidSetting: `MESSAGING_CHANNELS` has a key that there is not.
        """
        config: dict[str, Any] = dict(app.config)
        settings: Mapping[str, Any] = config.get(SETTING, {})
        if unknown := set(settings) - set(_KEYS):
            raise InvalidSetting(
                f"has no key {min(unknown)!r}",
                setting=SETTING,
                source="app.config",
                hint=f"its keys are {', '.join(_KEYS)}",
            )
        self._app = app
        app.extensions[NAME] = self
        app.register_blueprint(self.blueprint, url_prefix=settings.get("URL_PREFIX", "/messaging"))
        app.cli.add_command(messaging_commands(self._get_dispatcher))
        atexit.register(self.close)

    @property
    def settings(self) -> Mapping[str, Any]:
        """`app.config["MESSAGING_CHANNELS"]`: `CONFIG`, `SANDBOX`, `PUBLIC_URL`, `URL_PREFIX`."""
        app = self._app or current_app
        config: dict[str, Any] = dict(app.config)
        found: Mapping[str, Any] = config.get(SETTING, {})
        return found

    @property
    def dispatcher(self) -> Dispatcher:
        """The dispatcher of this process.

        Raises:
            ConfigurationError: a setting is missing or malformed.
        """
        found = self._replacement or self._own
        if found is not None:
            return found
        with self._lock:
            if self._own is None:
                self._own = self._make()
            return self._own

    def on(self, *event_types: type) -> Callable[[Handler], Handler]:
        """Register a function for what providers report, after it was kept: `@messaging.on(MessageReceived)`.

        It runs in an application context, in the thread that read the report. What it raises is logged.
        """

        def register(handler: Handler) -> Handler:
            self._handlers.append((event_types or (object,), handler))
            return handler

        return register

    def event_received(self, event: Event) -> None:
        """Call the handlers of this type of event, in an application context. An exception of a handler goes to the log and stops no other handler."""
        app = self._app or current_app
        for event_types, handler in self._handlers:
            if isinstance(event, event_types):
                try:
                    with app.app_context():
                        handler(event)
                except Exception:  # noqa: BLE001  whatever the application raises
                    _LOG.exception("a handler of %s failed", type(event).__name__)

    def add_unsubscribe(
        self,
        rule: str,
        make_links: Callable[[Dispatcher], UnsubscribeLinks],
        *,
        page: UnsubscribePage | None = None,
    ) -> None:
        """Serve the links of mails at a rule that ends with `<token>`, such as `/unsubscribe/<token>`. Before `init_app`."""
        unsubscribe_rule(self.blueprint, self._get_dispatcher, rule, make_links, page)

    @contextmanager
    def replaced(self, dispatcher: Dispatcher) -> Generator[None]:
        """Have the application use this one instead, such as `outbox.dispatcher`, as long as the block lasts."""
        before, self._replacement = self._replacement, dispatcher
        try:
            yield
        finally:
            self._replacement = before

    def close(self) -> None:
        """Close the dispatcher; the next call makes another one."""
        with self._lock:
            own, self._own = self._own, None
        if own is not None:
            own.close()

    def _get_dispatcher(self) -> Dispatcher:
        return self.dispatcher

    def _get_public_url(self) -> str:
        return str(self.settings.get("PUBLIC_URL", "")).rstrip("/")

    def _make(self) -> Dispatcher:
        arguments = dict(self._make_arguments() if self._make_arguments else self._read_arguments())
        given = [one for one in (arguments.pop("observer", None), self) if one is not None]
        return Dispatcher(**arguments, observer=CompositeObserver(*given))

    def _read_arguments(self) -> Mapping[str, Any]:
        settings = self.settings
        configuration = Configuration.read(
            settings.get("CONFIG"), use_sandbox_defaults=bool(settings.get("SANDBOX"))
        )
        return configuration.dispatcher_arguments()
