# SPDX-License-Identifier: Apache-2.0
"""What a gateway counts over many requests: denies of each unit, and the people who were touched.

A start counts again what the shards of its workers hold. People are counted while an agreement counts any, which may
begin while a gateway serves; their counts are kept beside the exchanges.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from brightline.core.agreement.clause import Agreement
from brightline.core.expectation import Figures
from brightline.core.patterns.crossing import Crossed
from brightline.core.ports import Clock
from brightline.core.standing import UnitStanding
from brightline.shell.config import Settings
from brightline.shell.counts import open_counts
from brightline.shell.gateway.holds import Holds
from brightline.shell.gateway.patterns import KEEP_SECONDS, PatternWatch
from brightline.shell.gateway.peers import Peers
from brightline.shell.gateway.watch import DenyWatch
from brightline.shell.noting import Noting
from brightline.shell.state import StateFolder
from brightline.shell.storage.vault import Vault
from brightline.shell.storage.wal import frames_on_disk


class Counting:
    """The counts of one process. What is found over many requests is logged by ``noting``.

    ``shard`` is that of this process, the ``peers`` name those of the other workers. ``standing_of`` says how a unit
    stands, ``agreement`` which version is in force.
    """

    def __init__(
        self,
        folder: StateFolder,
        settings: Settings,
        vault: Vault,
        shard: str,
        peers: Peers,
        noting: Noting,
        standing_of: Callable[[str], UnitStanding],
        agreement: Callable[[], Agreement],
        clock: Clock,
    ) -> None:
        self.watch = DenyWatch(agreement, standing_of, self._pattern_found, peers)
        self.patterns = PatternWatch(
            lambda: open_counts(folder, settings), clock, standing_of, self._crossing_found, shard
        )
        self._wal = folder.wal
        self._vault = vault
        self._peers = peers
        self._noting = noting
        self._agreement = agreement
        self._clock = clock
        self._shards = (shard, *peers.shards)

    def start(self, holds: Holds) -> None:
        """Count all that the shards hold, ``holds`` too. Blocks. Raises ``OperatorError`` if it cannot be read."""
        self._peers.discard()
        now, wal, vault = self._clock.unix(), self._wal, self._vault
        too_old = self.watch.too_old(now)
        logs = [(frames_on_disk(wal, each, too_old), vault.reader(each).peek) for each in self._shards]
        self.watch.rebuild_all(logs, now)
        for each in self._shards:
            holds.rebuild(frames_on_disk(wal, each, holds.too_old(now)), vault.reader(each).peek, now)
        if self._agreement().patterns:
            self._open_patterns()

    async def keep_people(self) -> None:
        """Keep the counts of people, and take in those of other workers, again and again. Without end.

        Nothing is kept while no agreement counts anybody.
        """
        while True:
            await asyncio.sleep(KEEP_SECONDS)
            if not self._agreement().patterns:
                continue
            if not self.patterns.opened:  # a version that counts people came into force
                await asyncio.to_thread(self._open_patterns)
            await self.patterns.keep()

    def _pattern_found(self, unit: str, figures: Figures) -> None:
        self._noting.pattern(unit, figures, self.watch.not_called)

    def _crossing_found(self, unit: str, crossed: Crossed) -> None:
        self._noting.crossing(unit, crossed, self.patterns.not_called)

    def _open_patterns(self) -> None:
        """Count what was kept, and what the shards say since."""
        self.patterns.open(
            lambda shard, too_old: (frames_on_disk(self._wal, shard, too_old), self._vault.reader(shard).peek),
            self._shards,
        )
