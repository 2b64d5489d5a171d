"""Infobip People: recipients by identity, number or mail address."""
