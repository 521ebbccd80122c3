# SPDX-License-Identifier: Apache-2.0
"""THE ATTACK SUITE: what an operator could do who owns the log's key, and what of it is seen by whom.

Each fraud changes an honest site and signs again wherever a real operator could. It says what it does and which
evidence, on top of the log by itself, makes which claim come out otherwise than at the honest site. A test runs every
one with every kind of evidence and compares. What nothing here catches is in the table too, with who could.
"""

from __future__ import annotations

from typing import Final

from brightline.verify.sample.fraud import ARGUMENTS, COMMAND, Fraud, Means
from brightline.verify.sample.frauds_of_hunts import OF_HUNTS
from brightline.verify.sample.frauds_of_logs import OF_LOGS
from brightline.verify.sample.frauds_of_people import OF_PEOPLE
from brightline.verify.sample.frauds_of_statements import OF_STATEMENTS
from brightline.verify.sample.site import Site

__all__ = ["ARGUMENTS", "COMMAND", "FRAUDS", "HONEST", "Fraud", "Means"]


def _nothing(_site: Site) -> None:
    """The honest site."""


FRAUDS: Final = (*OF_LOGS, *OF_PEOPLE, *OF_STATEMENTS, *OF_HUNTS)
HONEST: Final = Fraud("honest", "", "Nothing: everything holds.", _nothing, ())
