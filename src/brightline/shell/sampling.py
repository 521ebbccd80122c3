# SPDX-License-Identifier: Apache-2.0
"""Sampling while a gateway runs: how it draws is on record before anything is drawn, and cases are opened in time.

What is drawn of an exchange is the ``sampler``'s, after its answer (``gateway/sampling.py``). Cases that the registry
asks for, such as appeals and what people are tested with, are opened here, each in the shard that it is meant for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from brightline.core.agreement.clause import Agreement
from brightline.core.evidence.record import RecordKind
from brightline.core.ports import Clock
from brightline.core.review.aging import Aging, aging_of
from brightline.core.review.case import Case
from brightline.core.review.sampling import least_per_million
from brightline.shell.gateway.sampling import Sampler
from brightline.shell.noting import Noting
from brightline.shell.registry.following import Registry
from brightline.shell.storage.sequencer import Sequencer
from brightline.shell.storage.wal import frames_on_disk

STEP_SECONDS: Final = 5.0


class _Case(msgspec.Struct, frozen=True):
    case: str


_CASE: Final = msgspec.json.Decoder(_Case)


class Sampling:
    """``per_million`` is what the settings ask for at least; the agreement may ask for more."""

    def __init__(
        self,
        registry: Registry,
        noting: Noting,
        log: Sequencer,
        wal: Path,
        hold_key: bytes,
        per_million: int,
        agreement: Callable[[], Agreement],
        clock: Clock,
    ) -> None:
        self.sampler = Sampler(log, hold_key, registry.reviewing.per_million, registry.recused, self._aging)
        self._registry = registry
        self._noting = noting
        self._log = log
        self._wal = wal
        self._hold_key = hold_key
        self._per_million = per_million
        self._agreement = agreement
        self._clock = clock
        self._written: set[str] | None = None  # cases by digest; read once there is one to open

    async def keep(self) -> None:
        """Have it on record how is drawn, and with which key once a month is over; open cases. Without end."""
        while True:
            wanted = max(self._per_million, least_per_million(self._agreement()))
            reviewing, now = self._registry.reviewing, self._clock.unix()
            await self._noting.drawing(self._registry, self._hold_key, wanted, now)
            ours = [each for each in reviewing.to_open if each.shard == self._log.shard]
            if ours:
                if self._written is None:
                    self._written = await asyncio.to_thread(self._cases_on_disk)
                await self.sampler.open_cases(ours, self._written, now)
            await asyncio.sleep(STEP_SECONDS)

    def _cases_on_disk(self) -> set[str]:
        """The digests of the cases that this shard holds and nothing waits for."""
        frames = frames_on_disk(self._wal, self._log.shard)
        return {_CASE.decode(frame.leaf).case for frame in frames if frame.kind is RecordKind.CASE}

    def _aging(self, case: Case) -> Aging:
        """Until when the content of a case is kept that nothing waits for."""
        workload, book = self._registry.workloads.get(case.workload), self._registry.registers.book
        purpose = None if workload is None else book.purpose(workload.registration.purpose_id)
        return aging_of(purpose, book, self._agreement(), case.opened, case.expires)
