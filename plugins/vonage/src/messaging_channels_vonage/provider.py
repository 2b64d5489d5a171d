"""The provider: one request a message, by the SMS API or the Messages API, and the webhooks of both.

Sources: https://developer.vonage.com/en/api/sms and https://developer.vonage.com/en/api/messages
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal
from urllib.parse import urlencode, urlsplit

from messaging_channels import messages as m
from messaging_channels.errors import InvalidMessage, InvalidSetting
from messaging_channels.messages import Sms
from messaging_channels.plugins import (
    WHATSAPP_FIELDS,
    AttemptResult,
    Capabilities,
    CurrentTime,
    Envelope,
    Exchange,
    ExecutorPair,
    Finding,
    Flow,
    HttpRequest,
    Reason,
    WebhookRequest,
    WebhookResult,
    WhatsAppGroupId,
    WhatsAppUserId,
    ask,
    merge_raw,
    require_base_url,
    require_sender,
    run_to_first_exchange,
)
from messaging_channels_rcs import RcsCard, RcsCarousel, RcsFile, RcsMessage, RcsText, SmsFallback
from messaging_channels_vonage import message_webhooks, responses, webhooks
from messaging_channels_vonage.diagnosis import diagnose
from messaging_channels_vonage.message_requests import PASSED_ON, build_message, raw_of
from messaging_channels_vonage.options import VonageOptions
from messaging_channels_vonage.rcs_requests import describe_rcs
from messaging_channels_vonage.senders import SENDERS, format_agent, require_agent_setting
from messaging_channels_vonage.signing import (
    METHODS,
    SignatureMethod,
    application_token,
    require_private_key,
    signature,
)
from messaging_channels_vonage.sms_requests import build_parameters, merge_parameters
from messaging_channels_vonage.webhook_auth import (
    has_token,
    require_signed,
    require_token,
    verification_error,
)

_FORM = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
_JSON = {"accept": "application/json", "content-type": "application/json"}
_UUID = re.compile(r"[0-9A-Za-z-]{1,64}", re.ASCII)
_REST, _API = "https://rest.nexmo.com", "https://api.nexmo.com"
_WORDS = frozenset({"sender", "reply_to"})
_RCS = frozenset({"sender", "validity_period", "sms_fallback"})


@dataclass(frozen=True, slots=True)
class _Credentials:
    """Who we are at Vonage, and how it is proved."""

    api_key: str
    api_secret: str | None = field(repr=False)
    signature_secret: str | None = field(repr=False)
    signature_method: SignatureMethod
    sign_requests: bool
    application_id: str | None
    private_key: str | None = field(repr=False)


class Vonage:
    """Vonage for one account: text messages by the SMS API, or by the Messages API beside MMS, WhatsApp and RCS. One object serves many threads and tasks."""

    name: ClassVar[str] = "vonage"
    capabilities: ClassVar[Capabilities] = Capabilities(
        {
            Sms: frozenset({"sender", "validity_period", "flash"}),
            m.Mms: frozenset({"text", "sender"}),
            RcsText: _RCS | {"suggestions"},
            RcsFile: _RCS | {"content_type"},
            RcsCard: _RCS | {"orientation", "alignment"},
            RcsCarousel: _RCS | {"suggestions", "width"},
            m.WhatsAppText: _WORDS,
            m.WhatsAppImage: _WORDS | {"caption"},
            m.WhatsAppVideo: _WORDS | {"caption"},
            m.WhatsAppDocument: _WORDS | {"caption", "filename"},
            m.WhatsAppAudio: _WORDS,
            m.WhatsAppSticker: _WORDS,
            m.WhatsAppReaction: frozenset({"sender"}),
            m.WhatsAppTemplate: WHATSAPP_FIELDS[m.WhatsAppTemplate],
            **{kind: WHATSAPP_FIELDS[kind] for kind in PASSED_ON},
        },
        provider_options=frozenset({VonageOptions}),
    )
    executors: ClassVar[Mapping[type[Exchange[Any]], ExecutorPair]] = {}

    def __init__(  # noqa: PLR0913  one keyword a setting
        self,
        *,
        api_key: str,
        api_secret: str | None = None,
        sender: str | None = None,
        whatsapp_sender: str | None = None,
        mms_sender: str | None = None,
        rcs_sender: str | None = None,
        sms_api: Literal["sms", "messages"] = "sms",
        application_id: str | None = None,
        private_key: str | None = None,
        sign_requests: bool = False,
        webhook_signature_secret: str | None = None,
        webhook_signature_method: str = "sha256",
        base_url: str | None = None,
    ) -> None:
        """Take the account, how requests and calls are proved, and who messages come from that name no sender.

        Args:
            api_key: Key of the account.
            api_secret: Secret of the account. Not needed if requests are signed, or if an application authenticates them.
            sender: Sender of SMS: a number, a short code, or a name of at most 11 letters and digits.
            whatsapp_sender: WhatsApp number of the business.
            mms_sender: Number that sends MMS; without it, `sender`.
            rcs_sender: Agent that sends RCS messages.
            sms_api: API that sends SMS. All other messages use the Messages API.
            application_id: Application with the capability Messages. Without it, the Messages API is called with key and secret.
            private_key: Private key of the application, in PEM form.
            sign_requests: Whether requests to the SMS API are signed with the signature secret.
            webhook_signature_secret: Secret with which Vonage signs webhooks. Without it, the plugin refuses every webhook request.
            webhook_signature_method: Signature method of the SMS API: `md5hash`, or an HMAC.
            base_url: Another host: the emulator, or a region of the Messages API.

        Raises:
            InvalidSetting: one of them cannot work.
        """
        self._sms_url = f"{require_base_url(base_url, provider='vonage', default=_REST)}/sms/json"
        self._messages_url = f"{require_base_url(base_url, provider='vonage', default=_API)}/v1/messages"
        self._sms_api = _one_of(sms_api, ("sms", "messages"), "sms_api")
        self._account = _credentials(
            api_key=api_key,
            api_secret=api_secret,
            signature_secret=webhook_signature_secret,
            signature_method=webhook_signature_method,
            sign_requests=sign_requests,
            application_id=application_id,
            private_key=private_key,
        )
        own = SENDERS.require_setting(sender, "sender")
        self._senders = {
            "sms": own,
            "mms": SENDERS.require_setting(mms_sender, "mms_sender", numbers_only=True) or own,
            "rcs": require_agent_setting(rcs_sender, "rcs_sender"),
            "whatsapp": SENDERS.require_setting(whatsapp_sender, "whatsapp_sender", numbers_only=True),
        }

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        """Send one message, through the SMS API or the Messages API by its type."""
        (envelope,) = batch
        if isinstance(envelope.to, WhatsAppGroupId):
            return (AttemptResult.of(Reason.NO_COVERAGE, "Vonage reaches no groups, nothing was sent"),)
        message = envelope.message
        if isinstance(message, Sms) and self._sms_api == "sms":
            parameters = merge_parameters(
                build_parameters(envelope, message, self._sender(message, "sms")), raw_of(message)
            )
            request = yield from self._sms_request(parameters)
            return (responses.parse_response((yield from ask(request))),)
        if isinstance(message, RcsMessage):
            agent = require_sender(message, self._senders["rcs"], provider="vonage_rcs")
            sender = format_agent(agent, f"{type(message).__name__}.sender")
            described = merge_raw(
                describe_rcs(envelope, message, sender, self._fallback_sender), raw_of(message)
            )
        else:
            described = build_message(
                envelope, self._sender(message, "whatsapp" if envelope.channel == "whatsapp" else "")
            )
        request = yield from self._message_request(described, envelope.id)
        by_user_id = isinstance(envelope.to, WhatsAppUserId)
        return (responses.parse_message_response((yield from ask(request)), by_user_id=by_user_id),)

    def validate(self, envelope: Envelope) -> None:
        """Encode the envelope as `send` does, without a request.

        Raises:
            BadInput: Vonage can't send this message.
        """
        run_to_first_exchange(self.send([envelope]))

    def missing_sender(self, channel: str) -> str | None:
        """Return the setting that a message without a sender lacks on this channel; None if the account has a sender."""
        return (
            None
            if self._senders.get(channel)
            else f"vonage.{'' if channel == 'sms' else f'{channel}_'}sender"
        )

    @property
    def endpoints(self) -> Sequence[str]:
        """Return the base URLs of the APIs, for `messaging-channels doctor`."""
        urls = (urlsplit(one) for one in (self._sms_url, self._messages_url))
        return tuple(dict.fromkeys(f"{one.scheme}://{one.netloc}" for one in urls))

    def diagnose(self) -> Flow[Sequence[Finding]]:
        """Check the credentials and the settings of webhooks. Send no message.

        Raises:
            TransportError: Vonage can't be reached.
        """
        account = self._account
        has_secret = account.signature_secret is not None
        return diagnose(self._sms_url, account.api_key, account.api_secret, has_signature_secret=has_secret)

    def revoke(self, provider_id: str) -> Flow[bool]:
        """Take an RCS message back that was not delivered yet, by Vonage's id of it; return whether Vonage took the order.

        A phone that has fetched the message keeps it. Run it with `Transport().run(...)`. The host has to be that of the account's region.

        Raises:
            InvalidMessage: it is no id of Vonage's.
        """
        if not _UUID.fullmatch(provider_id):
            raise InvalidMessage(
                "must be an id of Vonage's", field="provider_id", hint="give Receipt.provider_id"
            )
        order = {"channel": "rcs", "status": "revoked"}
        described = yield from self._message_request(order, provider_id)
        body = json.dumps({"status": "revoked"}).encode()
        url = f"{self._messages_url}/{provider_id}"
        response = yield from ask(HttpRequest("PATCH", url, described.headers, body, may_send=False))
        return response.ok

    def _fallback_sender(self, fallback: SmsFallback) -> str:
        given = fallback.sender or self._senders["sms"]
        if given is None:
            raise InvalidMessage(
                "no sender",
                field="SmsFallback.sender",
                hint="set it, or configure MESSAGING_CHANNELS_VONAGE_SENDER",
            )
        return given

    def handle_webhook(self, request: WebhookRequest) -> WebhookResult:
        """Verify a request, and return its events. The SMS API calls by GET or POST, with a form or JSON, signed; the Messages API sends a signed token.

        Raises:
            WebhookVerificationError: The signature or the token does not match.
        """
        secret = self._account.signature_secret
        if secret is None:
            raise verification_error("no signature secret is configured", "set webhook_signature_secret")
        if has_token(request):
            require_token(request, secret)
            return WebhookResult(message_webhooks.parse_events(request))
        told = require_signed(request, secret, self._account.signature_method)
        return WebhookResult((webhooks.parse_event(told, request),))

    def _sender(self, message: m.Message, channel: str) -> str:
        channel = channel or ("mms" if isinstance(message, m.Mms) else "sms")
        setting = "vonage" if channel == "sms" else f"vonage_{channel}"
        given = require_sender(message, self._senders[channel], provider=setting)
        return SENDERS.format(given, f"{type(message).__name__}.sender", numbers_only=channel != "sms")

    def _sms_request(self, parameters: dict[str, str]) -> Flow[HttpRequest]:
        account = self._account
        if not account.sign_requests:
            proof = {"api_key": account.api_key, "api_secret": account.api_secret or ""}
            return HttpRequest("POST", self._sms_url, _FORM, urlencode({**proof, **parameters}).encode())
        now = yield from ask(CurrentTime())
        signed = {"api_key": account.api_key, "timestamp": str(int(now)), **parameters}
        sig = signature(signed, account.signature_secret or "", account.signature_method)
        return HttpRequest("POST", self._sms_url, _FORM, urlencode({**signed, "sig": sig.lower()}).encode())

    def _message_request(self, described: Mapping[str, Any], token_id: str) -> Flow[HttpRequest]:
        account = self._account
        if account.application_id and account.private_key:
            now = yield from ask(CurrentTime())
            token = application_token(
                account.application_id, account.private_key, f"{token_id}.{now:.6f}", now
            )
            proof = f"Bearer {token}"
        elif account.api_secret:
            proof = "Basic " + b64encode(f"{account.api_key}:{account.api_secret}".encode()).decode()
        else:
            raise InvalidMessage(
                "needs an application or api_secret: the Messages API accepts no signed requests",
                field=str(described["channel"]),
                hint="configure application_id and private_key, or api_secret",
            )
        try:
            return HttpRequest.post_json(
                self._messages_url, described, headers={**_JSON, "authorization": proof}
            )
        except (ValueError, UnicodeError):
            raise InvalidMessage(
                "contains an unpaired surrogate",
                field="message",
                hint="remove it, or repair the text where it was cut",
            ) from None


def _credentials(
    *,
    api_key: str,
    api_secret: str | None,
    signature_secret: str | None,
    signature_method: str,
    sign_requests: bool,
    application_id: str | None,
    private_key: str | None,
) -> _Credentials:
    """Return who we are.

    Raises:
        InvalidSetting: what was given proves nothing.
    """
    key, secret = api_key.strip(), (api_secret or "").strip() or None
    proof = (signature_secret or "").strip() or None
    if not key:
        raise _setting_error("is empty", "api_key", "copy it from the dashboard")
    if bool(application_id) != bool(private_key):
        raise _setting_error("and application_id must be given together", "private_key", "set both")
    if sign_requests and proof is None:
        raise _setting_error(
            "is missing, and sign_requests needs it", "webhook_signature_secret", "copy it from the dashboard"
        )
    if secret is None and not sign_requests and not application_id:
        raise _setting_error("is empty", "api_secret", "copy it from the dashboard")
    method: Any = _one_of(signature_method, METHODS, "webhook_signature_method")
    pem = None if private_key is None else require_private_key(private_key)
    return _Credentials(key, secret, proof, method, sign_requests, application_id, pem)


def _one_of(given: str, known: Sequence[str], setting: str) -> str:
    if given not in known:
        raise _setting_error("has an unknown value", setting, f"use one of {', '.join(known)}")
    return given


def _setting_error(problem: str, setting: str, hint: str) -> InvalidSetting:
    return InvalidSetting(problem, setting=f"vonage.{setting}", source="the provider's arguments", hint=hint)
