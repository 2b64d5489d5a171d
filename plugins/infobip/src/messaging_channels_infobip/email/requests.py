"""Mail: version 4 of the API in JSON, many messages a request; as MIME where JSON cannot say it.

In JSON, text beside html is ignored by Infobip, several recipients see each other, and a copy has an address without a name. So a mail with text and html,
with blind copies, with several reply addresses, or with names of those who get a copy goes out as MIME, one request each. A name is left out where the mail
has an option that MIME does not carry.

Sources: https://www.infobip.com/docs/api/channels/email/send-email-messages and https://www.infobip.com/docs/api/channels/email/send-mime-email
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from messaging_channels.errors import InvalidAddress, InvalidMessage
from messaging_channels.messages import Attachment, Email, build_mail, parse_addresses
from messaging_channels.plugins import EmailAddress, Envelope, base64_text, merge_raw, provider_options_of
from messaging_channels_infobip.api import InfobipApi
from messaging_channels_infobip.field_formats import (
    format_date,
    format_delivery_window,
    format_platform,
    format_validity,
    without_none,
    without_none_or_null,
)
from messaging_channels_infobip.options import InfobipEmailOptions
from messaging_channels_infobip.request_parts import AccountDefaults, RequestPart, group_by_key
from messaging_channels_infobip.responses import parse_batch_response
from messaging_channels_infobip.sms.requests import webhook_fields

PATH, MIME_PATH = "/email/4/messages", "/email/4/mime"
MAX_SCHEDULE_AHEAD = timedelta(days=5)
MAX_RECIPIENTS, MAX_SUBJECT_LENGTH = 1000, 1000
_DEFAULT_OPTIONS = InfobipEmailOptions()


def build_parts(batch: Sequence[Envelope], api: InfobipApi, defaults: AccountDefaults) -> list[RequestPart]:
    """Describe the requests of mails whose files were read: one for all that JSON can say and that share a schedule, one for each that needs MIME.

    Raises:
        InvalidMessage: one of them cannot be sent as it is.
        InvalidAddress: the sender is no mail address.
    """
    for envelope in batch:
        _check(envelope)
    mixed = [one for one in batch if needs_mime(one)]
    simple = [
        (_request_options(one, defaults), (_message(one, defaults), one))
        for one in batch
        if not needs_mime(one)
    ]
    return [
        *(
            RequestPart(
                api.post(
                    PATH, without_none(messages=[message for message, _ in group], options=options or None)
                ),
                [envelope for _, envelope in group],
                parse_batch_response,
            )
            for options, group in group_by_key(simple)
        ),
        *(
            RequestPart(api.post(MIME_PATH, _mime_request(one, defaults)), [one], parse_batch_response)
            for one in mixed
        ),
    ]


def _message_and_options(envelope: Envelope) -> tuple[Email, InfobipEmailOptions]:
    message = envelope.message
    assert isinstance(message, Email)  # noqa: S101  for the type checkers: the provider sorts by type
    return message, provider_options_of(message, InfobipEmailOptions) or _DEFAULT_OPTIONS


def needs_mime(envelope: Envelope) -> bool:
    """Say whether JSON cannot say this mail."""
    message, extra = _message_and_options(envelope)
    if extra.template_id is not None:
        return False
    both = bool(message.text) and bool(message.html)
    if both or parse_addresses(message.bcc) or len(parse_addresses(message.reply_to)) > 1:
        return True
    return any(one.display_name for one in parse_addresses(message.cc)) and not _not_in_mime(extra)


def _check(envelope: Envelope) -> None:
    message, extra = _message_and_options(envelope)
    if 1 + len(message.copies) > MAX_RECIPIENTS:
        raise InvalidMessage(
            f"has {1 + len(message.copies)} recipients; at most {MAX_RECIPIENTS} are allowed",
            field="Email",
            hint="send several mails",
        )
    if not 1 <= len(message.subject) <= MAX_SUBJECT_LENGTH and not (
        extra.template_id and not message.subject
    ):
        raise InvalidMessage(
            f"must have 1 to {MAX_SUBJECT_LENGTH} characters", field="Email.subject", hint="change its length"
        )
    if extra.template_id is not None and parse_addresses(message.bcc) and parse_addresses(message.cc):
        raise InvalidMessage(
            "cannot be used with copies of a template: all recipients would see each other",
            field="Email.bcc",
            hint="leave out cc or bcc, or send the blind copies separately",
        )
    if extra.amp_html is not None and not message.html:
        raise InvalidMessage("needs html", field="InfobipEmailOptions.amp_html", hint="give html too")
    if needs_mime(envelope) and (lost := _not_in_mime(extra)):
        raise InvalidMessage(
            "is not supported in MIME, which Infobip needs for text and html together, bcc, or several reply_to",
            field=f"InfobipEmailOptions.{lost}",
            hint="leave it out, or give html alone, no bcc and one reply address",
        )


def _not_in_mime(options: InfobipEmailOptions) -> str | None:
    """Return the name of the first option that is set and that MIME does not carry."""
    return next(
        (name for name in _JSON_ONLY if getattr(options, name) != getattr(_DEFAULT_OPTIONS, name)), None
    ) or (
        "tracking"
        if options.tracking
        and (options.tracking.track, options.tracking.opens, options.tracking.clicks) != (None,) * 3
        else None
    )


_JSON_ONLY = (
    "raw",
    "send_at",
    "delivery_window",
    "campaign_id",
    "notify",
    "validity_period",
    "amp_html",
    "template_language_version",
    "placeholders",
    "default_placeholders",
    "landing_page_placeholders",
    "optout_landing_page_id",
    "uploaded_attachments",
    "attachment_passwords",
    "ip_pool_id",
    "masking",
    "keep_no_content",
)


def _sender(envelope: Envelope, defaults: AccountDefaults) -> EmailAddress:
    sender = getattr(envelope.message, "sender", None)
    if isinstance(sender, EmailAddress):
        return sender
    try:
        return EmailAddress.parse(defaults.resolve_sender(envelope))
    except InvalidAddress as error:
        raise InvalidMessage(
            "is missing, and the configured sender is not an email address",
            field="Email.sender",
            hint="give a sender, or set MESSAGING_CHANNELS_INFOBIP_EMAIL_SENDER",
        ) from error


def _message(envelope: Envelope, defaults: AccountDefaults) -> dict[str, Any]:
    message, extra = _message_and_options(envelope)
    sender = None
    if extra.template_id is None or message.sender is not None:
        sender = format_address(_sender(envelope, defaults))
    fields = without_none(
        sender=sender,
        destinations=[_destination(envelope)],
        content=_content(envelope),
        options=without_none_or_null(
            platform=format_platform(extra),
            validityPeriod=format_validity(extra.validity_period, "InfobipEmailOptions.validity_period"),
            deliveryTimeWindow=format_delivery_window(extra.delivery_window),
            campaignReferenceId=extra.campaign_id,
        ),
        webhooks=webhook_fields(extra, defaults),
        ips=without_none_or_null(ipPoolId=extra.ip_pool_id),
        placeholdersMasking=_masking(extra),
        storage=without_none_or_null(skipPassive=extra.keep_no_content, skipActive=extra.keep_no_content),
    )
    return merge_raw(fields, extra.raw)


def _destination(envelope: Envelope) -> dict[str, Any]:
    message, extra = _message_and_options(envelope)
    copies = [{"destination": address.addr_spec} for address in parse_addresses(message.cc)]
    blind = [{"destination": address.addr_spec} for address in parse_addresses(message.bcc)]
    reply_to = parse_addresses(message.reply_to)
    to = without_none(
        destination=envelope.to.plain, messageId=envelope.id, placeholders=to_json_text(extra.placeholders)
    )
    return without_none(
        to=[to],
        cc=copies or None,
        bcc=blind or None,
        replyTo=format_address(reply_to[0]) if reply_to else None,
        preserveRecipients=True if copies else None,
    )


def _content(envelope: Envelope) -> dict[str, Any]:
    message, extra = _message_and_options(envelope)
    own = extra.template_id is None
    return without_none(
        subject=message.subject or None,
        text=message.text if own and not message.html else None,
        html=(message.html or None) if own else None,
        ampHtml=extra.amp_html if own else None,
        templateId=extra.template_id,
        attachments=_attachments(message, extra) or None,
        inlineImages=[_inline_image(one) for one in message.attachments if one.content_id] or None,
        defaultPlaceholders=to_json_text(extra.default_placeholders),
        landingPagePlaceholders=to_json_text(extra.landing_page_placeholders),
        optoutLandingPageId=extra.optout_landing_page_id,
        templateLanguageVersion=extra.template_language_version,
        headers=to_json_text(further_headers(message)),
    )


def _attachments(message: Email, options: InfobipEmailOptions) -> list[dict[str, Any]]:
    own = [
        {**_binary(one), **without_none(password=options.attachment_passwords.get(one.filename))}
        for one in message.attachments
        if not one.content_id
    ]
    return own + [{"type": "uploadedReference", "contentId": held} for held in options.uploaded_attachments]


def _inline_image(attachment: Attachment) -> dict[str, Any]:
    """Write an inline part: what the html calls `cid:…` is the name of the file here."""
    return {**_binary(attachment), "fileName": attachment.content_id}


def _binary(attachment: Attachment) -> dict[str, Any]:
    return {
        "type": "binary",
        "content": base64_text(attachment),
        "contentType": attachment.content_type,
        "fileName": attachment.filename,
    }


def format_address(address: EmailAddress) -> str:
    """Write an address with its display name, as JSON fields take it."""
    return (
        f"{_quote(address.display_name)} <{address.addr_spec}>" if address.display_name else address.addr_spec
    )


def _quote(name: str) -> str:
    plain = all(character.isalnum() or character in " '-_" for character in name)
    return name if plain else '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def further_headers(message: Email) -> dict[str, str]:
    """Return the further headers, those for unsubscribing included (RFC 2369, RFC 8058)."""
    headers = dict(message.headers)
    leave = message.list_unsubscribe
    if leave is not None:
        headers["List-Unsubscribe"] = ", ".join(f"<{way}>" for way in leave.uris)
        if leave.url:
            headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return headers


def to_json_text(value: Mapping[str, Any] | None) -> str | None:
    """Write an object as the text of its JSON, as this API wants it; None for an empty one."""
    from pydantic_core import to_json  # noqa: PLC0415  slow to import

    return to_json(dict(value)).decode() if value else None


def _masking(options: InfobipEmailOptions) -> list[dict[str, Any]] | None:
    return [
        without_none(
            name=one.name,
            side=one.side,
            maskChar=one.mask_char,
            visibleChars=one.visible_chars,
            delimiter=one.delimiter,
            skipChars=list(one.skip_chars) or None,
        )
        for one in options.masking
    ] or None


def _request_options(envelope: Envelope, defaults: AccountDefaults) -> dict[str, Any]:
    _, extra = _message_and_options(envelope)
    send_at = defaults.resolve_send_at(
        extra.send_at, field="InfobipEmailOptions.send_at", horizon=MAX_SCHEDULE_AHEAD
    )
    bulk_id = extra.bulk_id or (envelope.id if send_at else None)
    tracking = extra.tracking
    return without_none(
        schedule=without_none_or_null(bulkId=bulk_id, sendAt=send_at and format_date(send_at)),
        tracking=tracking
        and without_none_or_null(
            track=tracking.track,
            trackOpens=tracking.opens,
            trackClicks=tracking.clicks,
            trackingUrl=tracking.url,
            trackingPixelPosition=tracking.pixel_position,
        ),
        clientPriority=extra.priority,
    )


def _mime_request(envelope: Envelope, defaults: AccountDefaults) -> dict[str, Any]:
    message, extra = _message_and_options(envelope)
    sender = _sender(envelope, defaults)
    tracking = extra.tracking
    mail = build_mail(
        message,
        message_id=envelope.id,
        sender=sender,
        to=EmailAddress.parse(envelope.to.plain),
        attachments=[one.content for one in message.attachments if isinstance(one.content, bytes)],
        now=defaults.now,
    )
    described = without_none(
        messageId=envelope.id,
        bulkId=extra.bulk_id,
        destinations=[envelope.to.plain, *(copy.addr_spec for copy in message.copies)],
        mimeMessage=b64encode(mail).decode(),
        intermediateReport=extra.intermediate_reports,
        notifyUrl=extra.report_url or defaults.report_url,
        notifyContentType=extra.report_content_type,
        callbackData=extra.callback_data,
        trackingUrl=tracking and tracking.url,
        clientPriority=extra.priority,
        applicationId=extra.application_id,
        entityId=extra.entity_id,
    )
    return {"from": format_address(sender), **described}
