"""Plain requests to be left alone, as people write them in seven languages, and sentences that only sound like one."""

from __future__ import annotations

from messaging_channels.consent import Intent, Keywords

KEYWORDS = Keywords()


def _opts_out(text: str) -> bool:
    match = KEYWORDS.match(text)
    return match is not None and match.intent is Intent.OPT_OUT


def test_plain_requests_are_understood() -> None:
    assert [one for one in REQUESTS if not _opts_out(one)] == []


def test_sentences_that_only_sound_like_one_say_nothing() -> None:
    assert [one for one in SENTENCES if _opts_out(one)] == []


def test_what_decided_is_told_and_never_the_whole_text() -> None:
    text = "Zoe of Elm Street here, do not send me any more texts"
    match = KEYWORDS.match(text)

    assert match is not None
    assert (match.word, match.certainty) == ("do not send me any more", "likely")


REQUESTS = [
        "Stop.", "STOP!!!", "'stop'", "\u201cSTOP\u201d", "Stop \U0001f6d1", "\U0001f6d1 STOP \U0001f6d1",
        "sToP", "S T O P", "S-T-O-P", "st\u200bop", "stop\xad", "\uff33\uff34\uff2f\uff30", "Re: STOP",
        "STOPALL", "opt-out", "Opt-Out.", "OPT OUT", "Optout", "unsub", "Unsubscribed", "un-subscribe",
        "UNSUBSCRIBE ME", "stop please", "plz stop", "stop now", "Stop sending me these",
        "Stop texting me", "stop messaging me please", "remove me from your list",
        "Take me off your list!", "No more texts please", "do not text me again", "Don\u2019t contact me",
        "Please delete my number", "remove my number", "please remove me", "leave me alone",
        "I want to unsubscribe", "i wish to opt out", "Quit", "END", "Revoke", "cancel all",
        "cancel subscription", "stop all texts", "STOP, thanks", "Stop it", "stop!! stop!!",
        "lose my number", "not interested, stop", "revoke consent", "I revoke my consent",
        "stop spamming me", "stop 12345", "Stopp", "Arr\xeat", "ARRET.", "arr\xeate", "ARR\xcaTEZ",
        "Arr\xeatez svp", "arretez merci", "D\xe9sabonner", "me d\xe9sabonner", "d\xe9sabonnez-moi",
        "D\xe9sinscription", "d\xe9sinscrivez-moi", "STOP SMS", "stop pub", "Stop 36105", "STOP au 36105",
        "Ne m'envoyez plus de messages", "plus de SMS merci", "stop merci", "je veux me d\xe9sabonner",
        "je ne veux plus recevoir vos messages", "je souhaite me d\xe9sinscrire", "\xab STOP \xbb",
        "stop s'il vous pla\xeet", "Arr\xeatez de m'envoyer des sms", "ne me contactez plus",
        "Supprimez mon num\xe9ro", "retirez-moi de votre liste", "stop !", "D\xe9sabonnement", "ALTO",
        "Baja", "BAJA.", "\xa1BAJA!", "No m\xe1s", "NO MAS", "no m\xe1s mensajes", "parar", "Cancelar",
        "cancelar suscripci\xf3n", "darme de baja", "dar de baja", "quiero darme de baja",
        "no quiero m\xe1s mensajes", "ya no quiero recibir mensajes", "no me env\xeden m\xe1s mensajes",
        "Alto por favor", "det\xe9nganse", "dejen de enviarme mensajes", "dejar de recibir",
        "Qu\xedtenme de la lista", "b\xf3rrenme de su lista", "no me manden m\xe1s", "stop",
        "STOP por favor", "eliminar", "\xabbaja\xbb", "desuscribirme", "desuscribir", "STOPP!", "Stop",
        "abmelden", "Abmelden bitte", "Ende", "abbestellen", "Abbestellung", "austragen",
        "bitte austragen", "Bitte abmelden", "Ich m\xf6chte mich abmelden", "bitte keine SMS mehr",
        "Keine Nachrichten mehr!", "Keine weiteren Nachrichten", "Bitte keine Nachrichten mehr schicken",
        "schreiben Sie mir nicht mehr", "nicht mehr anschreiben", "l\xf6schen Sie meine Nummer",
        "Nummer l\xf6schen", "Widerruf", "widerrufen", "Ich widerrufe meine Einwilligung", "aufh\xf6ren",
        "H\xf6rt auf", "Stop bitte", "\u201eSTOPP\u201c", "melden Sie mich ab", "Bitte melden Sie mich ab",
        "keine Werbung mehr", "k\xfcndigen", "Newsletter abbestellen", "h\xf6r auf mir zu schreiben",
        "Sair", "SAIR.", "PARAR", "Pare", "pare por favor", "cancelar inscri\xe7\xe3o",
        "N\xe3o quero mais receber", "n\xe3o quero mais mensagens", "n\xe3o me envie mais mensagens",
        "Remover", "remova meu n\xfamero", "descadastrar", "Descadastre-me", "chega",
        "parem de me mandar mensagens", "pare de enviar", "quero sair", "\xabsair\xbb", "SAIR!!",
        "desinscrever", "retire-me da lista", "n\xe3o enviar mais", "parar mensagens",
        "quero cancelar a inscri\xe7\xe3o", "STOP", "Annulla", "cancella", "cancellami",
        "Cancellami per favore", "disiscrivimi", "disiscrizione", "Basta", "basta messaggi", "basta!",
        "non voglio pi\xf9 ricevere messaggi", "non inviatemi pi\xf9 messaggi", "non scrivetemi pi\xf9",
        "rimuovimi", "rimuovetemi dalla lista", "togliermi dalla lista", "toglietemi", "smettetela",
        "smettete di scrivermi", "ferma", "stop grazie", "annulla iscrizione", "revoca",
        "revoco il consenso", "\xabstop\xbb", "voglio disiscrivermi", "non contattatemi pi\xf9", "Stoppen",
        "afmelden", "Afmelden aub", "Afmelding", "uitschrijven", "Uitschrijven graag", "opzeggen",
        "Geen sms meer", "geen berichten meer aub", "ik wil geen berichten meer ontvangen",
        "stuur mij geen berichten meer", "Meld mij af", "schrijf me uit", "haal mij van de lijst",
        "verwijder mijn nummer", "niet meer sturen", "stop er mee", "stop ermee", "hou op", "houd op",
        "stop a.u.b.", "graag afmelden", "ik wil me afmelden", "\u2018stop\u2019", "stop alsjeblieft",
        "geen reclame meer", "STOP STOP", "stop.stop.stop", "pls stop texting", "Stop the texts",
        "stop these texts please", "stop messages now", "No more", "no more sms",
        "stop contacting me please", "Remove", "remove me please", "take me off the list",
        "unsubscribe please", "please unsubscribe", "Unsubscribe from all", "opt out please",
        "please opt out", "Opt-out me", "cancel", "CANCEL!", "end messages", "END TEXTS",
        "I no longer want these messages", "I don't want to receive these texts anymore",
        "Please remove my number from your list", "stop emailing me", "do not send any more messages",
        "dont text me anymore", "Stop sending me emails please", "(STOP)", '"Stop".', "Stop~", "Stop\xa0",
        "STOP\u2026", "STOP \u202f!", "Fwd: unsubscribe", "STOP.", "Stop Pub", "arret sms",
        "arr\xeater les messages", "Arr\xeatez les sms", "arr\xeatez \xe7a", "stop aux sms",
        "ne plus recevoir", "plus de pub", "d\xe9sinscription svp", "me d\xe9sinscrire",
        "Je me d\xe9sabonne", "je ne veux plus de messages", "je ne veux plus recevoir de sms",
        "n'envoyez plus rien", "merci de me d\xe9sinscrire", "merci d'arr\xeater", "cessez vos messages",
        "laissez-moi tranquille", "Alto.", "alto!", "no m\xe1s sms", "cancelar por favor",
        "baja por favor", "quiero la baja", "deme de baja", "Quiero cancelar la suscripci\xf3n",
        "no quiero recibir m\xe1s", "basta", "basta de mensajes", "paren", "parar sms", "no enviar m\xe1s",
        "no m\xe1s publicidad", "s\xe1quenme de la lista", "dejen de escribirme",
        "cancelen mi suscripci\xf3n", "STOPP bitte", "Schluss", "Abmelden!", "abmelden jetzt", "keine sms",
        "nicht mehr schicken", "bitte keine Werbung mehr", "Bitte nicht mehr schreiben",
        "Ich m\xf6chte keine Nachrichten mehr", "ich will keine SMS mehr", "Bitte aus der Liste streichen",
        "austragen bitte", "Bitte abbestellen", "Stoppen Sie das", "stoppen Sie die Nachrichten",
        "Lassen Sie mich in Ruhe", "abmelden sms", "Bitte l\xf6schen", "Sair.", "parar!", "n\xe3o quero",
        "n\xe3o quero receber mais mensagens", "n\xe3o me mandem mais nada", "pare de me enviar sms",
        "parem com as mensagens", "me remova da lista", "me descadastre",
        "cancelem a minha inscri\xe7\xe3o", "sair por favor", "n\xe3o quero mais sms", "remover por favor",
        "basta sms", "basta per favore", "cancellatemi", "cancellatemi dalla lista", "disiscrivetemi",
        "annullare", "voglio cancellarmi", "non voglio pi\xf9 messaggi", "non voglio messaggi",
        "non mandatemi pi\xf9 niente", "niente pi\xf9 messaggi", "stop messaggi", "stop sms",
        "stop pubblicit\xe0", "fermate i messaggi", "lasciatemi in pace", "rimuovi il mio numero", "Stop!",
        "STOP aub", "stop met sms", "geen sms", "geen reclame", "schrijf mij uit aub",
        "ik wil mij uitschrijven", "afmelden alstublieft", "niet meer sms'en", "stuur niets meer",
        "stop alstublieft", "laat me met rust", "geen berichten", "verwijder mij van de lijst",
        "ik wil dit niet meer ontvangen",
]  # fmt: skip
SENTENCES = [
        "Bitte tragen Sie mich ein", "Nehmen Sie mich bitte mit", "Bitte stoppen Sie die Lieferung", "haal me op van het station",
        "Supprimez mon adresse de livraison", "cancella il mio indirizzo di consegna",
        "stop by tomorrow", "Stop by the store on your way", "I'll stop at 5", "can't stop laughing",
        "The bus stop is closed", "One stop shop", "end of the month is fine", "the end",
        "I will cancel the meeting", "Don't cancel", "cancel my appointment please", "Quit worrying",
        "Weekend", "stopped by yesterday", "please don't stop sending these",
        "I can't unsubscribe from the other list?", "full stop", "stop sign",
        "remove the item from my cart", "no more questions", "Is this a stop?", "how do I unsubscribe?",
        "pit stop at 3", "Do you stop there?", "stop loss order at 50", "End date is June 5",
        "when does the sale end?", "Never stop texting me", "help me stop smoking", "STOPOVER in Dubai",
        "I didn't ask to opt out", "I do not want to unsubscribe", "Je passe \xe0 l'arr\xeat de bus",
        "arr\xeat de bus demain", "Je m'arr\xeate demain", "n'arr\xeatez pas", "ne vous arr\xeatez pas",
        "Ne me d\xe9sabonnez pas", "fin de journ\xe9e", "je ne veux pas me d\xe9sabonner",
        "arr\xeat maladie jusqu'\xe0 lundi", "Le stop est \xe0 gauche", "plus de d\xe9tails svp",
        "plus de messages d'information svp ?", "plus tard merci", "O\xf9 est l'arr\xeat ?",
        "Annuler ma commande", "fin du mois", "\xe0 plus", "alto ah\xed amigo m\xedo",
        "el edificio es muy alto", "Estoy de baja m\xe9dica", "la baja temporada", "no pares",
        "no quiero cancelar", "no quiero darme de baja", "quiero cancelar mi pedido",
        "\xbfpuedo parar all\xed?", "voy a parar en tu casa ma\xf1ana", "ya no tengo hambre",
        "no m\xe1s tarde de las 5", "m\xe1s alto por favor", "planta baja", "no me den de baja",
        "parar en la tienda", "fin de semana", "am Ende des Tages", "Ende der Woche passt",
        "Bitte nicht abmelden", "ich will mich nicht abmelden", "Stopp an der Ecke",
        "Ich stoppe morgen bei dir", "Bushaltestelle Stopp", "nicht mehr heute", "nicht mehr lange",
        "Wochenende", "Termin absagen", "ich m\xf6chte mich anmelden", "Ende gut alles gut",
        "Bitte h\xf6rt nicht auf", "Nachricht erhalten", "Kann ich mich abmelden?",
        "keine Nachricht von Peter", "stop and go", "vou parar a\xed amanh\xe3", "n\xe3o pare",
        "n\xe3o quero sair da lista", "quero sair hoje \xe0 noite", "sair de casa \xe0s 8",
        "Posso sair \xe0s 5?", "n\xe3o para de chover", "cancelar meu pedido", "pare na esquina",
        "n\xe3o quero cancelar", "vamos sair amanh\xe3", "o elevador vai parar",
        "basta cos\xec grazie, ci vediamo domani", "mi basta", "basta poco", "non cancellarmi",
        "non voglio cancellarmi", "annulla l'ordine", "la fermata dell'autobus", "ci fermiamo domani",
        "Non smettete", "stop alla prossima uscita", "cancella l'appuntamento", "basta che arrivi",
        "Posso annullare?", "fine settimana", "ik stop morgen bij jou", "stop bij de winkel",
        "niet stoppen", "ik wil niet afmelden", "einde van de dag", "bushalte", "Kan ik stoppen?",
        "het weekend", "stop de auto", "niet meer vandaag", "afspraak afzeggen",
        "einde van de week is goed", "niet uitschrijven aub", "stoppen met roken",
        "stop over here before noon", "Please stop by when you can", "we stop at noon",
        "stop in tomorrow?", "end it there then", "I quit my job", "they will remove the snow",
        "Cancel that, I'm coming", "the stop order is fine", "I'll unsubscribe you from the meeting",
        "Stop by", "stop by the office please", "Please cancel it", "cancel it please", "not the end",
        "at the end", "no more rain please", "ending soon", "remove it from my order",
        "Don't remove me from your list", "please don't opt me out",
        "I'm not asking you to stop texting me", "you never stop sending me good deals",
        "stop chez Paul demain", "on s'arr\xeate \xe0 midi", "plus de temps",
        "plus de messages que pr\xe9vu", "Ne cessez pas", "fin", "arr\xeat de travail",
        "c'est plus de sms qu'avant", "j'arr\xeate le travail \xe0 5h", "baja del coche",
        "doy de baja el contrato ma\xf1ana", "el alto", "sube o baja", "es alto", "no m\xe1s que ayer",
        "para ma\xf1ana", "cancelar la cita", "me doy de baja m\xe9dica", "no quiero postre",
        "no quiero ir", "Ende Mai", "am Ende", "bis Ende Woche", "nicht mehr da",
        "ich bin nicht mehr im B\xfcro", "Stopp, ich komme", "kein Stopp", "Meldung erhalten",
        "Keine Sorge", "Abmeldung vom Kurs Yoga", "Termin abmelden wegen Krankheit", "vou sair",
        "sair agora de casa", "parar para almo\xe7ar", "n\xe3o quero pizza", "nao quero ir",
        "pare em casa", "cancelar a consulta", "basta pasta", "basta un caff\xe8",
        "cancella la prenotazione", "non voglio andare", "annulla tutto per domani", "stop al semaforo",
        "revoca della patente", "ik stop om 5 uur", "stop maar bij de bakker", "afmelden voor de training",
        "opzeggen van de huur", "niet meer thuis", "geen probleem", "geen tijd",
]  # fmt: skip
