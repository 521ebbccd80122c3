# SPDX-License-Identifier: Apache-2.0
"""The gateway's part in sampling: whether an exchange that was given out is drawn, and then the case that shows it.

It comes after the answer and changes nothing of it. A case that cannot be written is missing, and whoever draws again
sees that it is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from brightline.core.enforcement.machine import Machine
from brightline.core.enforcement.terms import Terms
from brightline.core.errors import EvidenceUnavailable
from brightline.core.evidence.record import unix_of
from brightline.core.ports import RecordLog
from brightline.core.review.aging import Aging
from brightline.core.review.case import Case
from brightline.core.review.draw import is_drawn, month_key, month_of
from brightline.core.review.life import CaseKind
from brightline.core.review.sampling import Permitted, case_drafts, sampled_case
from brightline.core.workload import Workload
from brightline.shell.registry.reviewing import ToOpen

log = logging.getLogger("brightline.gateway")


class Sampler:
    """Draws from what one process serves. ``per_million`` says how many are drawn in a month, by the registry.

    ``recused`` says who may not look (ids) at what people of these names asked for or made, as for a hold. A sample
    shows what a release missed, so everybody who made it is among them, and not the authors of single rules alone.
    """

    def __init__(
        self,
        records: RecordLog,
        hold_key: bytes,
        per_million: Callable[[str], int],
        recused: Callable[[tuple[str, ...]], tuple[str, ...]],
        aging: Callable[[Case], Aging],
    ) -> None:
        """``aging`` says until when the content of a case is kept."""
        self._recused = recused
        self._aging = aging
        self._records = records
        self._hold_key = hold_key
        self._per_million = per_million
        self._month = ("", b"")

    async def look(self, machine: Machine, workload: Workload, terms: Terms) -> None:
        """Draw, and open the case of what is drawn. Raises nothing that the caller would have to hear."""
        completed = machine.completed
        if completed is None:
            return
        month = month_of(completed.time)
        per_million = self._per_million(month)
        if not per_million or not is_drawn(self._key(month), completed.leaf_hash, per_million):
            return
        makers = (name for release in terms.releases for name in release.makers)
        permitted = Permitted(
            completed.exchange,
            workload.id,
            workload.unit,
            self._recused((workload.registration.official, *makers)),
            terms.release.digest,
            unix_of(completed.time),
        )
        reply = machine.whole_answer
        case, content = sampled_case(permitted, terms.agreement, completed.request, reply, self._hold_key)
        try:
            for draft in case_drafts(case, content, completed.exchange, CaseKind.SAMPLED, aging=self._aging(case)):
                await self._records.append(draft)
        except EvidenceUnavailable as error:
            log.warning("%s was drawn, and its case could not be written: %s", completed.exchange, error)

    async def open_cases(self, cases: Sequence[ToOpen], written: set[str], now: int) -> None:
        """Open those whose time has come, and note them in ``written``, by digest; what fails is tried again."""
        for each in cases:
            case = each.case
            if case.digest in written or not case.opened <= now < case.expires:
                continue
            try:
                for draft in case_drafts(case, each.content, each.exchange, each.kind, each.known, self._aging(case)):
                    await self._records.append(draft)
                written.add(case.digest)
            except EvidenceUnavailable as error:
                log.warning("a case could not be written: %s", error)

    def _key(self, month: str) -> bytes:
        if self._month[0] != month:
            self._month = (month, month_key(self._hold_key, month))
        return self._month[1]
