# SPDX-License-Identifier: Apache-2.0
"""The folder of a release with students: its files, and ``release.toml`` that pins them and says what was measured.

Rules, windows and what the silence of rules means are taken from a release of rules: students come on top of them, and
the rules for tool calls (``calls.toml``).
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from brightline.core.screening.encoder import Encoder, Part
from brightline.core.screening.figures import Rate
from brightline.core.screening.ngrams import NGrams, write_ngrams
from brightline.core.screening.pieces import PieceHeads, write_pieces

SCREEN: Final = "screen.ngrams"
CALLS: Final = "calls.toml"
PIECES: Final = "heads.pieces"
ENCODER: Final = "encoder.json"
REPORT: Final = "report.json"
DEADLINE_MS: Final = 5_000
CLOSE: Final = 96  # half of the requests among many harmless words are found in these; in long ones they were lost
NEAR: Final = 0.5  # of a threshold, from which a stream is read further back
REACH_CHARS: Final = 4_096
STRIDE_CHARS: Final = 128  # some 32 tokens: an encoder takes its time
SENTENCE_CHARS: Final = 96  # and where a sentence ends; asking after shorter ones costs more than it finds early
STREAMS: Final = {"stride_chars": STRIDE_CHARS, "sentence_chars": SENTENCE_CHARS, "reach_chars": REACH_CHARS}


def write_screen(out: Path, screen: NGrams) -> None:
    """Write the first stage."""
    (out / SCREEN).write_bytes(write_ngrams(screen))


def write_encoder(out: Path, encoder: Encoder) -> None:
    """Write the file that defines the encoder; its parts are written where they are made."""
    (out / ENCODER).write_bytes(msgspec.json.format(msgspec.json.encode(encoder), indent=1) + b"\n")


def with_pieces(encoder: Encoder, heads: PieceHeads, out: Path) -> Encoder:
    """The encoder with what pieces add to its heads, whose file is written to ``out``."""
    data = write_pieces(heads)
    (out / PIECES).write_bytes(data)
    return msgspec.structs.replace(encoder, pieces=Part(PIECES, hashlib.sha256(data).hexdigest()))


def write_report(out: Path, report: Mapping[str, Any]) -> None:
    """Write what was measured while training."""
    (out / REPORT).write_text(json.dumps(report, indent=1, default=msgspec.to_builtins) + "\n", "utf-8")


def write_release(
    out: Path, rules: Path, found: Mapping[str, Rate], cascade: Rate | None, corpus: str, note: str
) -> None:
    """Write ``release.toml`` and the rules beside it.

    ``found`` says, by fact, how much of the rows that are yes the whole stack found; ``cascade``, of what the encoder
    finds, how much the first stage raised; both on ``corpus``.
    """
    base = tomllib.loads((rules / "release.toml").read_text("utf-8"))
    detectors = [*base["detector"]]
    for detector in base["detector"]:
        shutil.copyfile(rules / detector["path"], out / detector["path"])
    shutil.copyfile(Path(__file__).with_name(CALLS), out / CALLS)
    detectors.append(detector_entry("calls", "calls", CALLS, out))
    if cascade:
        detectors.append(detector_entry("screen", "ngrams", SCREEN, out))
    detectors.append(detector_entry("encoder", "encoder", ENCODER, out))
    silences = [
        silence_entry("encoder", entry["fact"], entry["value"], found[entry["fact"]], corpus)
        if entry["fact"] in found
        else entry
        for entry in base["silence"]
    ]
    parts = [
        "# A classifier release: which detectors must answer, how a stream is held back, what their silence may mean.",
        "# Written by `brightline classifier train`.",
        *lines_of({"format": base["format"], "id": out.resolve().name, "note": note, "deadline_ms": DEADLINE_MS}),
        *table_lines("[windows]", {**base["windows"], **STREAMS}),
    ]
    for detector in detectors:
        parts += table_lines("[[detector]]", detector)
    if cascade:
        said = {"first": "screen", "then": "encoder", "misses": cascade.of - cascade.hits, "positives": cascade.of}
        parts += table_lines("[[cascade]]", {**said, "corpus": corpus})
    for entry in silences:
        parts += table_lines("[[silence]]", entry)
    (out / "release.toml").write_text("\n".join(parts) + "\n", "utf-8")


def digest_of(paths: Sequence[Path]) -> str:
    """One digest over files in their order, as ``sha256:<hex>`` over theirs."""
    each = [hashlib.sha256(path.read_bytes()).digest() for path in paths]
    return "sha256:" + hashlib.sha256(b"".join(each)).hexdigest()


def detector_entry(name: str, kind: str, path: str, out: Path) -> dict[str, str]:
    """How ``release.toml`` names a detector whose file lies in ``out``."""
    digest = hashlib.sha256((out / path).read_bytes()).hexdigest()
    return {"id": name, "kind": kind, "path": path, "sha256": digest}


def silence_entry(detector: str, fact: str, value: str, found: Rate, corpus: str) -> dict[str, Any]:
    """What a detector's silence on a fact may mean, with what it missed."""
    said = {"detector": detector, "fact": fact, "value": value}
    return {**said, "misses": found.of - found.hits, "positives": found.of, "corpus": corpus}


def table_lines(title: str, values: Mapping[str, Any]) -> list[str]:
    """A table of TOML under its title."""
    return ["", title, *lines_of(values)]


def lines_of(values: Mapping[str, Any]) -> list[str]:
    """TOML of strings and whole numbers: a JSON string is a TOML string."""
    return [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in values.items()]
