# SPDX-License-Identifier: Apache-2.0
"""Which leaves a condition may have, so that a verdict is monotone.

The *polarity* of a condition is what makes a verdict monotone: where only ``== good`` grants and only ``!=
good`` denies or obliges, a worse fact can never loosen, and more approvals can never tighten. It is checked
at load.
"""

from __future__ import annotations

import enum
from collections.abc import Callable

from brightline.core.agreement.condition import Approvals, Compare, Condition, column_only, signed_leaves
from brightline.core.errors import AgreementError
from brightline.core.facts import Vocabulary


class Polarity(enum.StrEnum):
    """Which leaves a condition may have, after ``not`` has been pushed inward."""

    GRANTS = "grants"  # only ``fact == good``
    RESTRICTS = "restricts"  # only ``fact != good``
    APPROVES = "approves"  # only ``approvals.<office> >= count``


def check_polarity(
    condition: Condition,
    polarity: Polarity,
    vocabulary: Vocabulary,
    offices: frozenset[str],
    locate: Callable[[int], str] = column_only,
) -> None:
    """Refuse a condition under which a worse fact could loosen or an approval could tighten.

    Raises ``AgreementError`` also for a fact, value or office that the agreement does not declare.
    """
    for leaf, negated in signed_leaves(condition, False):
        if isinstance(leaf, Approvals):
            _check_approvals(leaf, negated, polarity, offices, locate)
        else:
            _check_compare(leaf, negated, polarity, vocabulary, locate)


def _check_approvals(
    leaf: Approvals, negated: bool, polarity: Polarity, offices: frozenset[str], locate: Callable[[int], str]
) -> None:
    where = locate(leaf.column)
    if polarity is not Polarity.APPROVES:
        mend = "use `require = { when = ..., that = ... }`: nobody's approval grants, and none lifts a deny"
        raise AgreementError(f"`approvals.{leaf.office}` in a condition about facts", where, mend)
    if negated:
        raise AgreementError(
            f"`approvals.{leaf.office}` under `not`", where, "an approval may never make a verdict stricter"
        )
    if leaf.office not in offices:
        raise AgreementError(
            f"`{leaf.office}` is not an office",
            where,
            f"declared are: {', '.join(sorted(offices)) or 'none'}",
        )


def _check_compare(
    leaf: Compare, negated: bool, polarity: Polarity, vocabulary: Vocabulary, locate: Callable[[int], str]
) -> None:
    where = locate(leaf.column)
    if leaf.fact not in vocabulary:
        raise AgreementError(f"`{leaf.fact}` is not a fact of this agreement", where, "declare it under [fact]")
    if polarity is Polarity.APPROVES:
        mend = "`that` counts approvals only; write facts in `when`"
        raise AgreementError(f"the fact `{leaf.fact}` in `that`", where, mend)
    good = vocabulary.spec(leaf.fact).good
    grants = polarity is Polarity.GRANTS
    if leaf.value != good or leaf.equal is not grants:
        operator = "==" if leaf.equal is not negated else "!="
        # As the author wrote it: under `not` the operator that is right is the other one.
        right = "==" if grants is not negated else "!="
        raise AgreementError(
            f"`{leaf.fact} {operator} '{leaf.value}'` in a condition that {polarity}",
            where,
            f"write `{leaf.fact} {right} '{good}'`: only then can a worse fact never loosen a verdict",
        )
