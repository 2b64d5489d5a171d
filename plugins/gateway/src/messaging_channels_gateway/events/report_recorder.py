"""Reports of providers: each is in the ledger's durable inbound when its provider is answered, and recorded a moment later, many together.

What a gateway took and had not recorded when it died, any of them records.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from messaging_channels.errors import MessagingError

if TYPE_CHECKING:
    from messaging_channels import AsyncDispatcher, WebhookRequest
    from messaging_channels.plugins import TakenReports, TakenWebhook

RECORDER = "gateway reports"
"""Under which name reports wait that gateways record: these tell them to applications, too."""
Tell: TypeAlias = "Callable[[Sequence[TakenReports]], Awaitable[None]]"
"""Tells applications of reports that are recorded; what was told before is not told again."""
_BATCH = 128
_MOST_HELD = 1000
"""Calls whose reports are held in memory: what comes in beyond them is read from the ledger when its turn comes."""
_MOST_AWAITED = 16
"""Calls whose answers wait for their recording."""
_CLAIM_INTERVAL = 5.0
"""Seconds between two looks for reports that nobody records."""
_FLUSH_TIMEOUT = 5.0
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class ReportRecorder:
    """Takes reports in, and records them in the background. One serves one event loop."""

    dispatcher: AsyncDispatcher
    patience: float
    """Seconds for which an answer waits for the recording."""
    lease: float
    """Seconds after which any gateway records what this one has not."""
    _held: deque[tuple[TakenReports, asyncio.Future[None]]] = field(
        default_factory=deque["tuple[TakenReports, asyncio.Future[None]]"]
    )
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _has_left: bool = False
    """Whether reports are in the ledger that nobody holds: those that come after them go there, too, so that all stay in order."""
    _next_claim: float = 0.0

    @property
    def waiting(self) -> int:
        """How many calls this process took whose reports it has not recorded."""
        return len(self._held)

    async def take(self, provider: str, call: WebhookRequest, account: str | None) -> TakenWebhook:
        """Keep what a provider brings, and wait for its recording unless many wait. Raises what `take_webhook` of the dispatcher does."""
        hold = not self._has_left and len(self._held) < _MOST_HELD
        taken = await self.dispatcher.inbound.take_webhook(
            provider, call, recorder=RECORDER, account=account, lease=self.lease if hold else None
        )
        if taken.is_recorded:
            return taken
        if not hold:
            self._has_left = True
        elif taken.reports is not None:
            done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._held.append((taken.reports, done))
            self._news.set()
            if len(self._held) <= _MOST_AWAITED:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self.patience):
                        await done
        return taken

    async def run(self, tell: Tell) -> None:
        """Record what comes in, until cancelled; what nobody records is claimed now and then."""
        while True:
            if not self._held and not self._has_left:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(max(self._next_claim - time.monotonic(), 0.0)):
                        await self._news.wait()
            self._news.clear()
            if self._held:
                await self._record_held(tell)
            if (not self._held and self._has_left) or time.monotonic() >= self._next_claim:
                await self._record_claimed(tell)

    async def flush(self, tell: Tell) -> None:
        """Record what is held, for as long as a moment: any gateway records the rest later."""
        try:
            async with asyncio.timeout(_FLUSH_TIMEOUT):
                while self._held:
                    await self._record_held(tell)
        except (MessagingError, TimeoutError) as error:
            _log.warning("%d calls with reports are left to be recorded later (%s)", self.waiting, error)

    async def _record_held(self, tell: Tell) -> None:
        batch = [self._held.popleft() for _ in range(min(_BATCH, len(self._held)))]
        try:
            await self._record([taken for taken, _ in batch], tell)
        except BaseException:
            self._held.extendleft(reversed(batch))
            raise
        for _, done in batch:
            if not done.done():
                done.set_result(None)

    async def _record_claimed(self, tell: Tell) -> None:
        claimed = await self.dispatcher.inbound.claim_reports(RECORDER, limit=_BATCH, lease=self.lease)
        self._has_left = len(claimed) == _BATCH
        self._next_claim = time.monotonic() + _CLAIM_INTERVAL
        if claimed:
            await self._record(claimed, tell)

    async def _record(self, taken: Sequence[TakenReports], tell: Tell) -> None:
        """Record reports, tell of them, and then forget them: whatever dies in between, all of it is done again, and nothing is told twice."""
        recorded = await self.dispatcher.inbound.record_reports(taken)
        if recorded:
            await tell(recorded)
            await self.dispatcher.inbound.finish_reports(recorded)
