# SPDX-License-Identifier: Apache-2.0
"""The recount as rows: what was counted, which value, how often; the most frequent first."""

from __future__ import annotations

from brightline.core.evidence.recount import Recount


def rows_of(counted: Recount) -> list[list[str]]:
    """Rows of three cells; none for a log that holds no outcome."""
    found = [
        ("outcome", counted.by_outcome),
        ("refused because", {name: count for name, count in counted.by_class.items() if name != "none"}),
        ("verdict", counted.by_verdict),
        ("clause", counted.by_clause),
        ("agreement", counted.by_agreement),
        ("release", counted.by_release),
        ("boot epoch", counted.by_epoch),
        ("without a record", counted.without_record),
        ("read again for persons", counted.read_again),
        ("not read again", counted.unread),
    ]
    rows = [
        [title, name, f"{count:,}"]
        for title, tally in found
        for name, count in sorted(tally.items(), key=lambda pair: -pair[1])
        if count
    ]
    if rows:
        rows.append(["bytes", "released", f"{counted.released_bytes:,}"])
    return rows
