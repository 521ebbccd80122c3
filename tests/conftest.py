# SPDX-License-Identifier: Apache-2.0
"""Laws are tried on fewer examples each day than hypothesis would take; ``--hypothesis-profile=default`` takes all.

A large rule file is read, compiled and tried on its own examples once in a process that tests: the one that is
shipped takes over a second, and hundreds of tests start a node. Small ones are made by tests, which break what was
read of them. An agreement is read once for the same files, and the vendors' roots that are shipped once: each node
reads both, and all that they are is frozen.

Nothing is flushed to the disk: a process that is killed loses nothing of what the kernel has, and no test cuts the
power. Files in ``tests/faults`` that need a disk to say what it says when it is asked to flush ask for that.

The detectors of a release that was loaded have a minute in place of the release's seconds: a process that tests may
not get its turn for as long as those. Tests of lateness make a pool of their own.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from hypothesis import settings

from brightline import folders, wiring
from brightline.core.agreement import load
from brightline.core.agreement.clause import Agreement
from brightline.core.attestation.chain import Root
from brightline.core.screening import rules
from brightline.core.screening.release import Cascade
from brightline.core.screening.views import views
from brightline.guard import lease
from brightline.shell.inference import kinds, loaded
from brightline.shell.inference.pool import Judging, PooledDetector, ScreeningPool
from brightline.shell.trust import roots

settings.register_profile("daily", settings(), max_examples=40)
settings.load_profile("daily")

LARGE_BYTES = 50_000
read_anew = rules.load_rules
read_once = functools.lru_cache(maxsize=8)(read_anew)


def load_rules(toml_bytes: bytes, name: str, views: rules.ViewsOf = views) -> rules.RuleSet:
    """The same as before; once for each large file."""
    return (read_once if len(toml_bytes) > LARGE_BYTES else read_anew)(toml_bytes, name, views)


rules.load_rules = load_rules
kinds.load_rules = load_rules  # type: ignore[attr-defined]


agreements: dict[tuple[bytes, str, bytes], Agreement] = {}
PROSE = re.compile(rb'^prose = \{ path = "([a-z.-]+)"', re.MULTILINE)


def load_agreement(toml_bytes: bytes, read_text: Callable[[str], bytes], name: str = "agreement.toml") -> Agreement:
    """The same as before; once for the same files."""
    named = PROSE.search(toml_bytes)
    if named is None:
        return load.load_agreement(toml_bytes, read_text, name)
    prose = named[1].decode("ascii")
    files = toml_bytes, prose, read_text(prose)
    if files not in agreements:  # what cannot be read is an error each time
        agreements[files] = load.load_agreement(toml_bytes, read_text, name)
    return agreements[files]


folders.load_agreement = load_agreement  # type: ignore[attr-defined]

roots_once = functools.cache(roots.read_roots)


def read_roots(folder: Path) -> tuple[Root, ...]:
    """The same as before; once for those that are shipped."""
    return (roots_once if folder == roots.shipped_roots() else roots.read_roots)(folder)


wiring.read_vendor_roots = read_roots  # type: ignore[attr-defined]
lease.read_roots = read_roots  # type: ignore[attr-defined]


def not_flushed(fd: int) -> None:
    """In the place of a flush, which takes longer than most of what is written; an error for what is no open file."""
    os.fstat(fd)


os.fsync = os.fdatasync = not_flushed  # type: ignore[assignment]  # posix.fsync flushes


PATIENT_SECONDS = 60.0


def patient(
    detectors: Sequence[PooledDetector],
    deadline_seconds: float,
    cascades: Sequence[Cascade] = (),
    judging: Judging | None = None,
) -> ScreeningPool:
    """A pool that waits longer than its release says."""
    return ScreeningPool(detectors, max(deadline_seconds, PATIENT_SECONDS), cascades, judging)


loaded.ScreeningPool = patient  # type: ignore[assignment,attr-defined]
