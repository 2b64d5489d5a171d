"""Mistakes that type checkers find: on each line with `# error` mypy and pyright say so, and on no other. Never run."""

# pyright: strict, reportUnusedVariable=false, reportUnusedExpression=false
from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from messaging_channels import AsyncDispatcher, Dispatcher, Email, Person, Sandbox, Sms, User


@dataclass
class Customer:
    phone: str


class Row:
    def __init__(self) -> None:
        self.id = 5


def right(dispatcher: Dispatcher, texts: list[str], maybe: str | None) -> None:
    dispatcher.send(Sms("Hi"), to="+447700900123")
    dispatcher.send(Sms("Hi"), to=User("u1"), idempotency_key="k", timeout=timedelta(seconds=5))
    dispatcher.send(Sms("Hi"), to=Person("i1"), timeout=5, on_unknown="resend")
    dispatcher.send(Sms("Hi"), to=Customer("+447700900123"))
    dispatcher.send(Sms("Hi"), to=Row())
    dispatcher.send_each(Sms("Hi"), to=texts)
    dispatcher.send_each([Sms("Hi")], to=[User("u1")])
    dispatcher.enqueue(Sms("Hi"), to="+447700900123", expires_in=timedelta(days=1), priority="high")
    Dispatcher([Sandbox()], routes={"sms": "sandbox"}, rate_limits={"sandbox": 5})
    Email("s", "text")
    Email("s", html="<p>", cc="zoe@example.com")
    Email("s", maybe, maybe)
    Email(subject="s", text="t", attachments=[])


def wrong(dispatcher: Dispatcher, number: int) -> None:
    dispatcher.send(Sms("Hi"), to=None)  # error
    dispatcher.send(Sms("Hi"), to=["+447700900123"])  # error
    dispatcher.send(Sms("Hi"), to=number)  # error
    dispatcher.send("Hi", to="+447700900123")  # error
    dispatcher.send(Sms, to="+447700900123")  # error
    dispatcher.send(Sms("Hi"), to="+447700900123", idempotencykey="k")  # error
    dispatcher.send(Sms("Hi"), to="+447700900123", timeout="5")  # error
    dispatcher.send(Sms("Hi"), to="+447700900123", on_unknown="retry")  # error
    dispatcher.send(Sms("Hi"))  # error
    dispatcher.send_each("Hi", to=["+447700900123"])  # error
    dispatcher.send_each(Sms("Hi"), to=None)  # error
    dispatcher.send_each(Sms("Hi"), to=[None])  # error
    dispatcher.enqueue(Sms("Hi"), to="+447700900123", send_att=5)  # error
    dispatcher.enqueue(Sms("Hi"), to="+447700900123", priority="urgent")  # error
    dispatcher.list_messages(limit="5")  # error
    Dispatcher([Sandbox])  # error
    Dispatcher([Sandbox()], ledger="sqlite:x")  # error
    Dispatcher([Sandbox()], route={})  # error
    Sms(5)  # error
    Sms()  # error
    Email("s")  # error
    Email("s", body="x")  # error


async def wrong_in_tasks(dispatcher: AsyncDispatcher) -> None:
    await dispatcher.send(Sms("Hi"), to=None)  # error
    await dispatcher.send(Sms("Hi"), to="+447700900123", timeOut=5)  # error
    receipt = dispatcher.send(Sms("Hi"), to="+447700900123")
    print(receipt.outcome)  # error
