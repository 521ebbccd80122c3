# SPDX-License-Identifier: Apache-2.0
"""Laws are tried on fewer examples each day than hypothesis would take; ``--hypothesis-profile=default`` takes all.

A large rule file is read, compiled and tried on its own examples once in a process that tests: the one that is
shipped takes over a second, and hundreds of tests start a node. Small ones are made by tests, which break what was
read of them.

The detectors of a release that was loaded have a minute in place of the release's seconds: a process that tests may
not get its turn for as long as those. Tests of lateness make a pool of their own.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

from hypothesis import settings

from brightline.core.screening import rules
from brightline.core.screening.release import Cascade
from brightline.core.screening.views import views
from brightline.shell.inference import kinds, loaded
from brightline.shell.inference.pool import Judging, PooledDetector, ScreeningPool

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
