# SPDX-License-Identifier: Apache-2.0
"""A formula read aloud, for a clause book to show beside it; and how text from anybody becomes text to be shown.

The sentence of the authors may say less or more than the formula; this one cannot. It is clumsy for that reason.
"""

from __future__ import annotations

from typing import assert_never

from brightline.core.agreement.clause import Clause, ClauseKind
from brightline.core.agreement.condition import And, Approvals, Compare, Condition, Not, Or


def plain(text: str) -> str:
    """Text as one line of printable characters: white space folded, the rest replaced visibly."""
    folded = " ".join(text.split())
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in folded)


def read_aloud(clause: Clause) -> str:
    """The formula of a clause as one sentence, word by word: clumsy, and never other than the formula."""
    when = _aloud(clause.condition, 0)
    match clause.kind:
        case ClauseKind.REDLINE | ClauseKind.DENY:
            return f"Refused while {when}; no approval lifts it."
        case ClauseKind.GRANT:
            return f"Permitted while {when}, if nothing else stands in the way."
        case ClauseKind.REQUIRE:
            return f"While {when}: needs {_aloud(clause.that, 0)}."
        case _:
            assert_never(clause.kind)


def _aloud(condition: Condition, binds: int) -> str:
    """``binds`` is 1 inside an or, 2 inside an and, 3 under a not. Ears know no precedence: mixtures are bracketed."""
    match condition:
        case Compare(fact, equal, value):
            return f"{plain(fact)} is {plain(value)}" if equal else f"{plain(fact)} is not known to be {plain(value)}"
        case Approvals(office, count):
            return f"{count} {'approval' if count == 1 else 'approvals'} of {plain(office)}"
        case And(()):
            return "anything is so"
        case Or(()):
            return "nothing is so"
        case And(parts):
            text = " and ".join(_aloud(part, 2) for part in parts)
            return f"({text})" if binds > 0 else text
        case Or(parts):
            text = " or ".join(_aloud(part, 1) for part in parts)
            return f"({text})" if binds > 0 else text
        case Not(Compare(fact, equal, value)):
            return _aloud(Compare(fact, not equal, value), binds)
        case Not(part):
            return f"it is not so that {_aloud(part, 3)}"
        case _:
            assert_never(condition)
