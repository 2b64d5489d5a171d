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


def right(door: Dispatcher, texts: list[str], maybe: str | None) -> None:
    door.send(Sms("Hi"), to="+447700900123")
    door.send(Sms("Hi"), to=User("u1"), idempotency_key="k", timeout=timedelta(seconds=5))
    door.send(Sms("Hi"), to=Person("i1"), timeout=5, on_unknown="resend")
    door.send(Sms("Hi"), to=Customer("+447700900123"))
    door.send(Sms("Hi"), to=Row())
    door.send_each(Sms("Hi"), to=texts)
    door.send_each([Sms("Hi")], to=[User("u1")])
    door.enqueue(Sms("Hi"), to="+447700900123", expires_in=timedelta(days=1), priority="high")
    Dispatcher([Sandbox()], routes={"sms": "sandbox"}, rate_limits={"sandbox": 5})
    Email("s", "text")
    Email("s", html="<p>", cc="zoe@example.com")
    Email("s", maybe, maybe)
    Email(subject="s", text="t", attachments=[])


def wrong(door: Dispatcher, number: int) -> None:
    door.send(Sms("Hi"), to=None)  # error
    door.send(Sms("Hi"), to=["+447700900123"])  # error
    door.send(Sms("Hi"), to=number)  # error
    door.send("Hi", to="+447700900123")  # error
    door.send(Sms, to="+447700900123")  # error
    door.send(Sms("Hi"), to="+447700900123", idempotencykey="k")  # error
    door.send(Sms("Hi"), to="+447700900123", timeout="5")  # error
    door.send(Sms("Hi"), to="+447700900123", on_unknown="retry")  # error
    door.send(Sms("Hi"))  # error
    door.send_each("Hi", to=["+447700900123"])  # error
    door.send_each(Sms("Hi"), to=None)  # error
    door.send_each(Sms("Hi"), to=[None])  # error
    door.enqueue(Sms("Hi"), to="+447700900123", send_att=5)  # error
    door.enqueue(Sms("Hi"), to="+447700900123", priority="urgent")  # error
    door.list_messages(limit="5")  # error
    Dispatcher([Sandbox])  # error
    Dispatcher([Sandbox()], ledger="sqlite:x")  # error
    Dispatcher([Sandbox()], route={})  # error
    Sms(5)  # error
    Sms()  # error
    Email("s")  # error
    Email("s", body="x")  # error


async def wrong_in_tasks(door: AsyncDispatcher) -> None:
    await door.send(Sms("Hi"), to=None)  # error
    await door.send(Sms("Hi"), to="+447700900123", timeOut=5)  # error
    receipt = door.send(Sms("Hi"), to="+447700900123")
    print(receipt.outcome)  # error
