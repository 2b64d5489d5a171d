# ruff: noqa: RUF001  texts in many scripts
"""Bounces, delays and holiday replies in the languages of the large mailers; and mails of people that use the same words."""

from __future__ import annotations

import pytest

from messaging_channels_smtp.reports.parsing import parse_report
from messaging_channels_smtp.reports.report import Action, ReportType

HEAD = "To: shop@example.org\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"


def _mail(sender: str, subject: str, text: str) -> bytes:
    return f"From: {sender}\nSubject: {subject}\n{HEAD}\n{text}\n".encode()


MAILER = "Mail Delivery System <MAILER-DAEMON@mx.example>"
FAILED = {
    "de": (
        "Unzustellbar: Bestellung",
        "Ihre Nachricht an zoe@example.com konnte nicht zugestellt werden.\n550 5.1.1 unbekannt",
    ),
    "es": (
        "No se puede entregar",
        "No se pudo localizar a los destinatarios siguientes:\n\n  zoe@example.com\n  La cuenta no existe <#5.1.1>",
    ),
    "fr": ("Non remis", "Votre message à zoe@example.com n’a pas pu être remis.\n550 5.1.1 boîte inconnue"),
    "it": (
        "Mancata consegna",
        "Il messaggio non è stato consegnato:\n\n<zoe@example.com>: 550 utente sconosciuto",
    ),
    "pt": (
        "Mensagem não entregue",
        "Sua mensagem não pôde ser entregue:\n\n<zoe@example.com>: 550 usuário inexistente",
    ),
    "nl": ("Onbestelbaar", "Uw bericht is niet bezorgd:\n\n<zoe@example.com>: 550 gebruiker onbekend"),
    "pl": (
        "Nie dostarczono",
        "Wiadomość nie została dostarczona:\n<zoe@example.com>: 550 Nie ma takiego użytkownika",
    ),
    "ru": ("Недоставленное письмо", "Письмо не доставлено.\nzoe@example.com: такого пользователя нет"),
    "ja, glued": ("配信不能", "zoe@example.comへのメールは送信できませんでした。\n550 5.1.1 User unknown"),
    "ja, please send again": (
        "Mail System Error - Returned Mail",
        "送信先が見つかりません。再送信してください。\n\nRecipient: <zoe@example.com>\n<<< 550 User unknown",
    ),
    "ko, glued": (
        "메일 전송 실패",
        "zoe@example.com으로 배달되지 못했습니다.\n550 5.1.1 사용자가 존재하지 않음",
    ),
    "zh, in wide brackets": (
        "系统退信",
        "收件人邮件地址（zoe@example.com）不存在，邮件无法送达。\nhost mx.example said: 550 Mailbox not found",
    ),
    "a system's words after the server's": (
        "Returned mail: User unknown",
        "   ----- Transcript of session follows -----\n>>> DATA\n<<< 550 Unknown user zoe@example.com\n554 <zoe@example.com>... Service unavailable",
    ),
}
DELAYED = {
    "de": (
        "Verzögerte Zustellung",
        "Die Zustellung an folgende Empfänger wurde verzögert:\n\nzoe@example.com\n\nDer Server versucht es weiterhin.",
    ),
    "de, hours": (
        "Delivery Status Notification (Delay)",
        "Nachricht an zoe@example.com: vorübergehendes Problem. Wir versuchen es: Der Server versucht es noch 46 Stunden lang.",
    ),
    "fr": ("Remise différée", "La remise aux destinataires suivants a été retardée :\n\nzoe@example.com"),
    "es": (
        "Entrega retrasada",
        "La entrega a los siguientes destinatarios se ha retrasado:\n\nzoe@example.com\n\nSe seguirá intentando.",
    ),
    "pt": (
        "Entrega atrasada",
        "A entrega aos destinatários está atrasada:\n\nzoe@example.com\n\nO servidor continuará tentando.",
    ),
    "it": (
        "Consegna ritardata",
        "La consegna ai seguenti destinatari è ritardata:\n\nzoe@example.com\n\nIl server continua a tentare.",
    ),
    "nl": ("Bezorging vertraagd", "De bezorging is vertraagd:\n\nzoe@example.com\n\nWe blijven proberen."),
}


@pytest.mark.parametrize("language", FAILED)
def test_a_failure_is_understood_in_every_language(language: str) -> None:
    report = parse_report(_mail(MAILER, *FAILED[language]))
    (told,) = report.updates
    assert (told.recipient, told.action, told.code) == ("zoe@example.com", Action.FAILED, "5.1.1")


@pytest.mark.parametrize("language", DELAYED)
def test_a_delay_is_no_failure_in_any_language(language: str) -> None:
    report = parse_report(_mail(MAILER, *DELAYED[language]))
    (told,) = report.updates
    assert (told.recipient, told.action) == ("zoe@example.com", Action.DELAYED)


@pytest.mark.parametrize(
    "subject",
    [
        "Abwesenheitsnotiz: Bestellung",
        "Automatische Antwort: Bestellung",
        "Réponse automatique : commande",
        "Respuesta automática: pedido",
        "Risposta automatica: ordine",
        "Resposta automática: pedido",
        "Automatisch antwoord: bestelling",
        "Automaattinen vastaus: tilaus",
        "Automatická odpověď: objednávka",
        "Otomatik yanıt: sipariş",
        "Automatikus válasz: rendelés",
        "Răspuns automat: comandă",
        "Автоматический ответ: заказ",
        "Автоматична відповідь: замовлення",
        "Αυτόματη απάντηση: παραγγελία",
        "תשובה אוטומטית: הזמנה",
        "رد تلقائي: طلب",
        "自動応答: 注文",
        "自動回覆: 訂單",
        "자동 회신: 주문",
        "Vacation reply",
        "On leave until Monday",
    ],
)
def test_a_holiday_reply_is_a_robots_in_every_language(subject: str) -> None:
    report = parse_report(_mail("Zoe <zoe@example.com>", subject, "Back on Monday."))
    assert report.report_type is ReportType.AUTO_REPLY


@pytest.mark.parametrize("sender", ["Zoe <zoe@example.com>", "info@shop.example", "noreply@shop.example"])
@pytest.mark.parametrize(
    ("subject", "text"),
    [
        (
            "Colis non livré",
            "Le colis n'a pas pu être livré, destinataire inconnu à l'adresse zoe@example.com",
        ),
        ("Zustellung fehlgeschlagen", "Das Paket an zoe@example.com ist unzustellbar: Empfänger unbekannt."),
        ("Undeliverable parcel", "The parcel was returned to sender, the address does not exist."),
        ("Vacation rental", "We want a home by the sea."),
        ("On leave question", "How many days?"),
        ("Abwesenheit meines Sohnes", "Er kommt morgen nicht."),
    ],
)
def test_people_and_shops_use_the_same_words(sender: str, subject: str, text: str) -> None:
    assert parse_report(_mail(sender, subject, text)).report_type is ReportType.OTHER
