# SPDX-License-Identifier: Apache-2.0
"""From a credential to a workload. Whatever is wrong with a credential, the caller hears one and the same thing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from brightline.core.errors import Unauthenticated
from brightline.core.standing import Standing, UnitStanding
from brightline.core.workload import Workload, key_matches, read_key
from brightline.shell.registry.workloads import Workloads

HEADER_BYTES_MAX: Final = 512

Headers = Iterable[tuple[bytes, bytes]]


class Identifier:
    """Finds the workload of a request from its one credential."""

    def __init__(self, workloads: Workloads, standing_of: Callable[[str], UnitStanding]) -> None:
        self._workloads = workloads
        self._standing_of = standing_of

    def identify(self, headers: Headers) -> Workload:
        """Raises ``Unauthenticated``, with one message for every cause."""
        credentials = [value for name, value in headers if name in {b"authorization", b"x-api-key", b"api-key"}]
        refused = Unauthenticated("no valid workload key was presented")
        if len(credentials) != 1 or len(credentials[0]) > HEADER_BYTES_MAX:
            raise refused
        scheme, _, presented = credentials[0].decode("latin-1").partition(" ")
        if scheme.lower() != "bearer":
            raise refused
        try:
            claimed = read_key(presented.strip())
        except ValueError as error:
            raise refused from error
        workload = self._workloads.get(claimed.claimed_workload)
        if workload is None or not key_matches(claimed, workload) or workload.registration.revoked:
            raise refused
        if self._standing_of(workload.unit).standing is Standing.TERMINATED:  # its keys are revoked
            raise refused
        return workload
