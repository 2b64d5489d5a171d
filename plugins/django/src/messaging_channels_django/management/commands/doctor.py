"""`manage.py doctor`: whether messages can be sent from here, and what to do where they cannot. Sends nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.urls import NoReverseMatch, reverse

from messaging_channels.errors import MessagingError
from messaging_channels_django.dispatchers import get_dispatcher, ledger_database
from messaging_channels_django.system_checks import check_settings

if TYPE_CHECKING:
    from collections.abc import Callable

_BACKEND = "messaging_channels_django.mail.EmailBackend"


class Command(BaseCommand):
    """Looks at the settings, the providers, the ledger, mail and webhooks, a line each."""

    help = "Look whether messages can be sent from here, and say what is wrong. Sends nothing. Ends with 1 if something is wrong."
    requires_system_checks = ()

    def handle(self, *_: str, **__: Any) -> None:  # noqa: ANN401  Django's own
        """Print a line for each question.

        Raises:
            CommandError: something is wrong.
        """
        questions = (self._settings, self._providers, self._ledger, self._mail, self._webhooks)
        answers = [self._ask(question) for question in questions]
        if not all(answers):
            raise CommandError("the check found errors: see above")

    def _ask(self, question: Callable[[], str]) -> bool:
        name = question.__name__.strip("_")
        try:
            answer = question()
        except (ImproperlyConfigured, MessagingError) as error:
            self.stdout.write(self.style.ERROR(f"wrong  {name}: {error}"))
            return False
        self.stdout.write(f"ok     {name}: {answer}")
        return True

    def _settings(self) -> str:
        found = check_settings()
        if wrong := [one for one in found if one.is_serious()]:
            raise ImproperlyConfigured(f"{wrong[0].msg}; {wrong[0].hint or 'see the reference'}")
        return found[0].msg if found else "read"

    def _providers(self) -> str:
        providers = get_dispatcher().providers
        if not providers:
            raise ImproperlyConfigured("none is configured; set MESSAGING_CHANNELS_<PROVIDER>_<FIELD>")
        return ", ".join(providers)

    def _ledger(self) -> str:
        dispatcher = get_dispatcher()
        dispatcher.queue.enqueuer.require_ledger()
        dispatcher.queue.check_writable()
        waiting = dispatcher.queue.stats().ready
        return f"writable, in {ledger_database() or 'a database of its own'}; {waiting} messages are due"

    def _mail(self) -> str:
        mailers: dict[str, dict[str, Any]] | None = getattr(django_settings, "MAILERS", None)
        backends = (
            {"EMAIL_BACKEND": django_settings.EMAIL_BACKEND}
            if mailers is None
            else {f"MAILERS[{name!r}]": one.get("BACKEND", "") for name, one in mailers.items()}
        )
        ours = [name for name, backend in backends.items() if backend == _BACKEND]
        return f"{', '.join(ours)} goes through the dispatcher" if ours else "Django's mail goes another way"

    def _webhooks(self) -> str:
        try:
            return reverse("messaging_channels:webhook", args=["PROVIDER"])
        except NoReverseMatch:
            return "no address for providers; include messaging_channels_django.urls for reports and inbound messages"
