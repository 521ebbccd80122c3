# SPDX-License-Identifier: Apache-2.0
"""Records by their numbers, over segments, also while the last one grows."""

from __future__ import annotations

from pathlib import Path

import pytest

from brightline.core.errors import EvidenceDamaged, OperatorError
from brightline.core.evidence.batch import Frame, encode_frame
from brightline.core.evidence.record import RecordKind
from brightline.shell.hunt.reading import SEGMENTS_KEPT, Records
from brightline.shell.storage.wal import segment_name


def frame(seq: int) -> Frame:
    return Frame(seq, 1, RecordKind.PERIOD, "", f"leaf {seq}".encode(), b"")


def append(wal: Path, first: int, *seqs: int) -> None:
    """Write records to a segment."""
    (wal / "gw").mkdir(exist_ok=True)
    with (wal / "gw" / segment_name(first)).open("ab") as file:
        file.write(b"".join(encode_frame(frame(seq)) for seq in seqs))


def test_records_are_found_in_any_order_over_segments_of_which_few_are_kept(tmp_path: Path) -> None:
    for first in range(0, 30, 5):
        append(tmp_path, first, *range(first, first + 5))
    records = Records(tmp_path)
    assert [each.seq for each in records.between("gw", 3, 28)] == list(range(3, 28))
    assert [records.one("gw", seq).seq for seq in (29, 0, 14, 15, 4)] == [29, 0, 14, 15, 4]
    assert len(records._kept) == SEGMENTS_KEPT
    assert list(records.between("gw", 7, 7)) == []


def test_what_was_written_since_is_there(tmp_path: Path) -> None:
    append(tmp_path, 0, 0, 1)
    records = Records(tmp_path)
    assert records.one("gw", 1).seq == 1
    append(tmp_path, 0, 2)
    append(tmp_path, 3, 3)
    assert [each.seq for each in records.between("gw", 0, 4)] == [0, 1, 2, 3]


def test_what_is_not_there_or_is_another_is_damage(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="cannot read the log"):
        Records(tmp_path).one("gw", 0)
    append(tmp_path, 2, 2, 4)
    records = Records(tmp_path)
    for seq, message in ((1, "is not here"), (9, "is not here"), (3, "record 4 stands where record 3 should")):
        with pytest.raises(EvidenceDamaged, match=message):
            records.one("gw", seq)
