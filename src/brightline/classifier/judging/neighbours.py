# SPDX-License-Identifier: Apache-2.0
"""From which score of the students the judge is asked, and the everyday texts that it is asked about then.

With a judge behind them the students need not be sure: they hand over whatever they find more likely than so, as long
as that is a small share of everyday traffic. What they hand over of everyday text is what the judge must clear, so its
heads are fitted on such texts too, as rows that are no.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import numpy as np

from brightline.classifier.corpus import Author, Corpus, Line, Row, RowSurface, facts_of
from brightline.classifier.everyday import Everyday
from brightline.classifier.judging.features import corpus_name
from brightline.classifier.training.calibrate import Bounds
from brightline.classifier.training.target import MAIN
from brightline.classifier.training.whole import measured
from brightline.core.errors import ConfigError
from brightline.core.screening.encoder import Encoder, load_encoder
from brightline.core.screening.figures import threshold_at
from brightline.core.screening.ngrams import load_ngrams

if TYPE_CHECKING:
    from brightline.classifier.training.trying import Students

ENCODER: Final = "encoder.json"
SCREEN: Final = "screen.ngrams"
STEPS: Final = 24
EVERYDAY: Final = "everyday"  # the setting of rows that are everyday text
LEAST: Final = 0.02  # what the students find less likely than so is nothing, however rare it is


class Ask(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From which score of which students a judge is asked, by fact.

    ``asked`` is the share of each everyday corpus that it is asked about then, of at most ``shares``; ``texts`` are
    the numbers of those texts for each line. The rest is what the students' silence means then, on the rows that
    ``corpus`` names: of those that are yes, how many nobody is asked about; and of those that the encoder would find,
    how many the first stage does not raise.
    """

    encoder: str  # the digest of the release's file that defines it
    shares: dict[str, float]
    facts: dict[str, float]
    asked: dict[str, float]
    texts: dict[str, dict[str, tuple[int, ...]]]
    silence: dict[str, tuple[int, int]]
    cascade: tuple[int, int]
    corpus: str


class OfRelease(NamedTuple):
    """The students of a release, the encoder among them as its file defines it, and the digest of that file."""

    students: Students
    encoder: Encoder
    digest: str


def students_of(release: Path) -> OfRelease:
    """The students of a release's folder. Raises ``ConfigError`` if it has none, or ``ReleaseError``."""
    if not ((release / ENCODER).is_file() and (release / SCREEN).is_file()):
        raise ConfigError(f"{release} is no release with students: it has no {ENCODER} or no {SCREEN}")
    from brightline.classifier.training.trying import Students  # it runs the encoder: not for whoever reads or fits

    data = (release / ENCODER).read_bytes()
    encoder = load_encoder(data, ENCODER)
    students = Students(load_ngrams((release / SCREEN).read_bytes(), SCREEN), encoder, (release,))
    return OfRelease(students, encoder, hashlib.sha256(data).hexdigest())


def asked_from(facts: Sequence[str], scores: Mapping[str, Any], shares: Mapping[str, float]) -> dict[str, float]:
    """By fact, the score from which the judge is asked, so that it is asked about at most a share of each corpus.

    ``scores`` are of the texts of each corpus, shape (texts, facts); ``shares`` are by corpus. Each fact gives away
    the same part of what every corpus allows, the largest that keeps all facts together within its share.
    """
    low, high = 0.0, 1.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        bounds = _beyond(scores, shares, middle)
        if all(float((of >= bounds).any(1).mean()) <= shares[name] for name, of in scores.items()):
            low = middle
        else:
            high = middle
    return dict(zip(facts, (float(one) for one in _beyond(scores, shares, low)), strict=True))


def _beyond(scores: Mapping[str, Any], shares: Mapping[str, float], part: float) -> Any:
    """For each fact the least score that no more than this part of its share of any corpus reaches, shape (facts,)."""
    each = [
        [threshold_at(fact.tolist(), part * shares[name]) for fact in np.transpose(of)] for name, of in scores.items()
    ]
    return np.maximum(np.max(each, axis=0), LEAST)


def ask(
    everyday: Sequence[Everyday],
    tested: Sequence[Row],
    release: Path,
    share: float,
    others: Mapping[str, float],
    step: Callable[[int], None],
) -> Ask:
    """Try the students of a release on everyday texts, and say from where on the judge is asked: about ``share`` of
    each corpus at most, unless ``others`` has another for it; then on ``tested`` rows, what their silence misses.

    ``step`` is told what is done. Raises ``ConfigError``.
    """
    if strange := set(others) - {one.source.corpus for one in everyday}:
        raise ConfigError(f"no everyday corpus is called {min(strange)!r}")
    students, encoder, digest = students_of(release)
    scores = {}
    done = 0
    for one in everyday:
        scores[one.source.corpus] = students.on(one.texts, False).scores
        done += len(one.texts)
        step(done)
    tried = students.on([row.judged for row in tested], True, lambda count: step(done + count))
    asked = [fact for fact in students.facts if fact in MAIN]  # of the others a judge is not asked
    scores = {name: of[:, [students.facts.index(fact) for fact in asked]] for name, of in scores.items()}
    shares = {name: others.get(name, share) for name in scores}
    wanted = asked_from(asked, scores, shares)
    facts = {head.fact: min(head.unknown, wanted[head.fact]) for head in encoder.head if head.fact in wanted}
    at = {head.fact: Bounds(facts.get(head.fact, head.unknown), head.yes, "") for head in encoder.head}
    found, cascade, _ = measured(tested, tried, encoder, at)
    bounds = np.array([facts[fact] for fact in asked])
    reached = {name: of >= bounds for name, of in scores.items()}
    columns = {line: [asked.index(fact) for fact in facts_of(line)] for line in Line}
    return Ask(
        encoder=digest,
        shares=shares,
        facts=facts,
        asked={name: float(of.any(1).mean()) for name, of in reached.items()},
        texts={
            name: {
                line.value: tuple(np.flatnonzero(of[:, of_line].any(1)).tolist()) for line, of_line in columns.items()
            }
            for name, of in reached.items()
        },
        silence={fact: (one.of - one.hits, one.of) for fact, one in found.items() if one.of},
        cascade=(cascade.of - cascade.hits, cascade.of),
        corpus=corpus_name(tested),
    )


def lean(students: Students, rows: Sequence[Row], step: Callable[[int], None]) -> dict[str, dict[str, float]]:
    """The students' score of each row, by its id and by fact; 0 for what the first stage does not raise."""
    tried = students.on([row.judged for row in rows], False, step)
    return {
        row.id: dict(zip(students.facts, map(float, of), strict=True))
        for row, of in zip(rows, tried.scores, strict=True)
    }


def read_ask(path: Path) -> Ask:
    """Read what :func:`ask` found. Raises ``ConfigError``."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Ask)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not what `brightline classifier judge ask` writes: {error}") from error


def as_corpora(everyday: Sequence[Everyday], found: Ask) -> tuple[Corpus, ...]:
    """The everyday texts that the judge is asked about, as rows that are no: one for each line that is in question.

    Raises ``ConfigError`` for texts that are not those.
    """
    there = {one.source.corpus: one for one in everyday}
    corpora = []
    for name, by_line in found.texts.items():
        if name not in there or max((max(of, default=0) for of in by_line.values()), default=0) >= len(
            there[name].texts
        ):
            raise ConfigError(f"everyday texts of {name!r} were asked about which are not there")
        one = there[name]
        rows = [_row(name, number, Line(line), one.texts[number]) for line, of in by_line.items() for number in of]
        corpora.append(Corpus(Author(name, "person", one.source.origin, "train"), tuple(rows)))
    return tuple(corpora)


def _row(corpus: str, number: int, line: Line, text: str) -> Row:
    return Row(
        id=f"{corpus}-{number}-{line}",
        line=line,
        facts=dict.fromkeys(facts_of(line), "no"),
        surface=RowSurface.PROMPT,
        lang="",
        setting=EVERYDAY,
        reason=f"everyday text of {corpus}",
        pair=f"{corpus}-{number}",
        text=text,
    )
