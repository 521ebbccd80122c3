# SPDX-License-Identifier: Apache-2.0
"""A hold's id is a function of what is held, and tells nothing of it."""

from __future__ import annotations

from brightline.core.review.case import hold_id

PARTS = ("office", "sha256:00", "sha256:aa", "sha256:bb")


def test_the_same_thing_held_has_the_same_id() -> None:
    assert hold_id(b"key", *PARTS) == hold_id(b"key", *PARTS)


def test_each_part_and_the_key_change_the_id() -> None:
    ids = {hold_id(b"key", *PARTS), hold_id(b"other", *PARTS)}
    for at in range(4):
        changed = [part + "x" if i == at else part for i, part in enumerate(PARTS)]
        ids.add(hold_id(b"key", *changed))
    assert len(ids) == 6
