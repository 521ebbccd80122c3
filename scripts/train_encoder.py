# SPDX-License-Identifier: Apache-2.0
"""Train the encoder release: a small encoder with a logistic head for each fact, from the corpora.

    python scripts/train_encoder.py CORPORA WEIGHTS OUT --benign FILE [--folds N] [--epochs N]

WEIGHTS is a folder with config, tokenizer and safetensors of an encoder (all-MiniLM-L6-v2). FILE holds everyday text
as JSON lines ``{"corpus": …, "text": …}``: half of it is trained on as what crosses nothing, the other half sets
thresholds, worst corpus first. Needs torch, transformers and onnxruntime, on a processor or a GPU; nothing that serves
imports this.

    1. authors are held out in turns; what the others' encoder says of their rows is what thresholds are set on
    2. the encoder is trained on all authors of the training split, and tried on those of the test split
    3. it is exported, quantised (signed, by channel), and tried again as it will run

OUT gets ``model.onnx``, ``encoder.json`` and ``report.json``. The same rows, weights and machine give the same files.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import math
import random
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from transformers import AutoModel, AutoTokenizer

from brightline.classifier.corpus import Line, Row, RowSurface, read_corpora
from brightline.core.screening.encoder import FORMAT, Canary, Encoder, Head, Part
from brightline.core.screening.figures import area_under_curve
from brightline.core.screening.finding import Surface

MAIN: Final = ("mass_domestic", "weapon_direct", "high_stakes", "acts_alone", "social_scoring")
FACTS: Final = (
    *MAIN,
    "private_info",
    "us_person",
    "monitoring",
    "intel_activity",
    "law_enforcement",
    "autonomous_use",
    "operational",
)
# A row that was written for one line says nothing of the other two, and nearly always crosses neither.
OF_OTHER_LINES: Final = ("mass_domestic", "weapon_direct", "social_scoring")
OTHER_LINE_WEIGHT: Final = 0.3
UNKNOWN_WEIGHT: Final = 0.5
BENIGN_WEIGHT: Final = 0.5
TOKENS: Final = 384
OVERLAP: Final = 64
WINDOWS_MAX: Final = 64
BATCH: Final = 128
RATE: Final = 1.5e-4
HEAD_RATE: Final = 50 * RATE
SCALE: Final = 10.0  # states have length one; without it heads would have to grow for long
FILLER_TOKENS: Final = 60
YES_WRONGFUL: Final = 0.005  # of hard neighbours, held out by author
UNKNOWN_WRONGFUL: Final = 0.05
EVERYDAY_WRONGFUL: Final = 0.001  # of the worst everyday corpus, for either threshold
CANARY_CHARS_MAX: Final = 600


class Example(msgspec.Struct):
    """One row as tokens."""

    row: Row
    author: str
    tokens: list[int]
    asked: list[int]


class Everyday(msgspec.Struct):
    """One everyday text as tokens."""

    corpus: str
    tokens: list[int]


class Tokens:
    """The tokenizer, and batches of windows."""

    def __init__(self, weights: Path) -> None:
        self._tokenizer = AutoTokenizer.from_pretrained(str(weights))
        self._begin, self._end = self._tokenizer.cls_token_id, self._tokenizer.sep_token_id

    def of(self, texts: Sequence[str]) -> list[list[int]]:
        """The tokens of the first window of each."""
        found = self._tokenizer(list(texts), add_special_tokens=False, truncation=True, max_length=TOKENS - 2)
        return [list(ids) for ids in found["input_ids"]]

    def batch(self, tokens: Sequence[Sequence[int]], device: str) -> dict[str, Any]:
        """Token ids and mask, shape (windows, longest window)."""
        width = min(TOKENS, max(map(len, tokens)) + 2)
        ids, mask = np.zeros((len(tokens), width), np.int64), np.zeros((len(tokens), width), np.int64)
        for row, window in enumerate(tokens):
            whole = [self._begin, *window[: width - 2], self._end]
            ids[row, : len(whole)], mask[row, : len(whole)] = whole, 1
        named = {"input_ids": ids, "attention_mask": mask}
        return {name: torch.from_numpy(value).to(device) for name, value in named.items()}


class Judge(torch.nn.Module):  # type: ignore[misc, unused-ignore]
    """Mean-pooled, normalised states, and one logistic head for each fact."""

    def __init__(self, weights: Path) -> None:
        super().__init__()
        self.encoder = AutoModel.from_pretrained(str(weights), dtype=torch.float32)
        self.head = torch.nn.Linear(self.encoder.config.hidden_size, len(FACTS))
        torch.nn.init.zeros_(self.head.weight)
        torch.nn.init.constant_(self.head.bias, -2.0)

    def forward(self, batch: dict[str, Any]) -> Any:
        """Log-odds of each fact, shape (windows, facts)."""
        states = self.encoder(**batch).last_hidden_state
        mask = batch["attention_mask"].unsqueeze(-1).to(states.dtype)
        pooled = ((states * mask).sum(1) / mask.sum(1)).float()
        state = torch.nn.functional.normalize(pooled, dim=1)
        return SCALE * torch.nn.functional.linear(state, self.head.weight) + self.head.bias


def target(row: Row) -> tuple[list[float], list[float]]:
    """What each head should say of a row, and how much it counts."""
    wanted, counts = [], []
    for fact in FACTS:
        value = row.facts.get(fact)
        other = value is None and fact in OF_OTHER_LINES
        wanted.append({"yes": 1.0, "unknown": 0.5}.get(value or "", 0.0))
        counts.append(
            OTHER_LINE_WEIGHT if other else UNKNOWN_WEIGHT if value == "unknown" else float(value is not None)
        )
    return wanted, counts


class Trainer:
    """Trains judges on one machine."""

    def __init__(self, weights: Path, tokens: Tokens, everyday: Sequence[Everyday], epochs: int) -> None:
        self._weights = weights
        self._tokens = tokens
        self._everyday = everyday
        self._epochs = epochs
        self.device = "cuda" if torch.cuda.is_available() else "cpu"

    def train(self, examples: Sequence[Example], seed: int) -> Judge:
        """Train a judge on these rows and half as many everyday texts in each epoch."""
        torch.manual_seed(seed)
        dice = random.Random(seed)  # noqa: S311 - no secret
        judge = Judge(self._weights)
        judge.to(self.device).train()
        head = list(judge.head.parameters())
        groups = [{"params": list(judge.encoder.parameters()), "lr": RATE}, {"params": head, "lr": HEAD_RATE}]
        optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
        steps = (len(examples) + len(examples) // 2) // BATCH * self._epochs

        def rate(step: int) -> float:
            return min(1.0, step / max(1.0, 0.1 * steps)) * max(0.0, 1 - step / steps)

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
        for _ in range(self._epochs):
            for tokens, wanted, counts in self._batches(examples, dice):
                batch = self._tokens.batch(tokens, self.device)
                with torch.autocast(self.device, dtype=torch.bfloat16, enabled=self.device == "cuda"):
                    said = judge(batch)
                goal, weight = torch.tensor(wanted).to(self.device), torch.tensor(counts).to(self.device)
                loss = torch.nn.functional.binary_cross_entropy_with_logits(said.float(), goal, reduction="none")
                optimizer.zero_grad()
                ((loss * weight).sum() / weight.sum()).backward()
                torch.nn.utils.clip_grad_norm_(judge.parameters(), 1.0)
                optimizer.step()
                schedule.step()
        judge.eval()
        return judge

    def _batches(
        self, examples: Sequence[Example], dice: random.Random
    ) -> Iterator[tuple[list[list[int]], list[list[float]], list[list[float]]]]:
        nothing = [0.0] * len(FACTS)
        of_main = [BENIGN_WEIGHT if fact in MAIN else 0.0 for fact in FACTS]
        items: list[tuple[list[int], list[float], list[float]]] = [
            (dice.choice(self._everyday).tokens, nothing, of_main) for _ in range(len(examples) // 2)
        ]
        items += [(self._disguised(example, dice), *target(example.row)) for example in examples]
        dice.shuffle(items)
        for first in range(0, len(items) - BATCH + 1, BATCH):
            tokens, wanted, counts = zip(*items[first : first + BATCH], strict=True)
            yield list(tokens), list(wanted), list(counts)

    def _disguised(self, example: Example, dice: random.Random) -> list[int]:
        """The row as it is, behind its question, or beside something everyday: neither carries a label."""
        tokens = example.tokens
        if example.asked and dice.random() < 0.4:
            tokens = example.asked + tokens
        beside = dice.random()
        if beside < 0.2:
            filler = dice.choice(self._everyday).tokens[:FILLER_TOKENS]
            tokens = filler + tokens if beside < 0.1 else tokens + filler
        return tokens

    @torch.no_grad()  # type: ignore[untyped-decorator, unused-ignore]
    def ask(self, judge: Judge, tokens: Sequence[Sequence[int]]) -> Any:
        """Log-odds, shape (texts, facts)."""
        said = np.zeros((len(tokens), len(FACTS)), np.float32)
        order = sorted(range(len(tokens)), key=lambda i: len(tokens[i]))
        for first in range(0, len(order), 512):
            chosen = order[first : first + 512]
            batch = self._tokens.batch([tokens[i] for i in chosen], self.device)
            with torch.autocast(self.device, dtype=torch.bfloat16, enabled=self.device == "cuda"):
                said[chosen] = judge(batch).float().cpu().numpy()
        return said


# ---- what is measured ----------------------------------------------------------------------------------------------


def line_score(line: Line, said: Any) -> Any:
    """Log-odds that the line is crossed, from those of its facts."""
    fact = {name: said[:, i] for i, name in enumerate(FACTS)}
    if line is Line.SURVEILLANCE:
        return fact["mass_domestic"]
    if line is Line.WEAPONS:
        return fact["weapon_direct"]
    return np.maximum(fact["social_scoring"], np.minimum(fact["high_stakes"], fact["acts_alone"]))


def measure(examples: Sequence[Example], said: Any, everyday: Any) -> dict[str, Any]:
    """How well each line is told, on these rows, and against everyday text."""
    found: dict[str, Any] = {}
    for line in Line:
        rows = [i for i, example in enumerate(examples) if example.row.line is line]
        scores = line_score(line, said[rows])
        labels = [examples[i].row.label for i in rows]
        keys = ["all", *(f"surface {one.value}" for one in RowSurface), "English", "other languages"]
        told = {}
        for key in keys:
            chosen = [j for j, i in enumerate(rows) if _is_of(examples[i].row, key)]
            yes = [float(scores[j]) for j in chosen if labels[j] == "yes"]
            no = [float(scores[j]) for j in chosen if labels[j] == "no"]
            told[key] = {"rows": len(chosen), "auroc": _rounded(area_under_curve(yes, no))}
        crossing, neighbours = scores[np.array(labels) == "yes"], scores[np.array(labels) == "no"]
        found[line.value] = {
            "auroc": told,
            "recall_at_wrongful": {
                str(share): round(float((crossing > np.quantile(neighbours, 1 - share)).mean()), 3)
                for share in (0.05, 0.01, 0.005)
            },
            "recall_at_everyday": {
                str(share): round(float((crossing > np.quantile(line_score(line, everyday), 1 - share)).mean()), 3)
                for share in (0.005, 0.001)
            },
            "pairs_right": _pairs_right(examples, rows, scores, labels),
        }
    return found


def _is_of(row: Row, key: str) -> bool:
    if key == "English":
        return row.lang == "en"
    if key == "other languages":
        return row.lang != "en"
    return key in {"all", f"surface {row.surface.value}"}


def _pairs_right(
    examples: Sequence[Example], rows: Sequence[int], scores: Any, labels: Sequence[str]
) -> dict[str, float]:
    pairs: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for j, i in enumerate(rows):
        if examples[i].row.pair:
            pairs[examples[i].row.pair].append((labels[j], float(scores[j])))
    both = [
        ([score for label, score in pair if label == "yes"], [score for label, score in pair if label == "no"])
        for pair in pairs.values()
    ]
    right = [min(yes) > max(no) for yes, no in both if yes and no]
    return {"pairs": len(right), "share": round(sum(right) / max(1, len(right)), 3)}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def thresholds(fact: str, examples: Sequence[Example], said: Any, everyday: dict[str, Any]) -> tuple[float, float]:
    """The scores from which a fact is unknown and yes: beyond hard neighbours held out by author, and beyond the worst
    everyday corpus.
    """
    at = FACTS.index(fact)
    neighbours = [said[i, at] for i, example in enumerate(examples) if example.row.facts.get(fact) == "no"]
    worst = max(float(np.quantile(scores[:, at], 1 - EVERYDAY_WRONGFUL)) for scores in everyday.values())
    unknown = max(worst, float(np.quantile(neighbours, 1 - UNKNOWN_WRONGFUL)))
    yes = max(unknown, float(np.quantile(neighbours, 1 - YES_WRONGFUL)))
    return _share(unknown), _share(yes)


def _share(log_odds: float) -> float:
    return 1 / (1 + math.exp(-log_odds))


# ---- what is shipped -----------------------------------------------------------------------------------------------


class _States(torch.nn.Module):  # type: ignore[misc, unused-ignore]
    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, input_ids: Any, attention_mask: Any) -> Any:
        return self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state


def export(judge: Judge, tokens: Tokens, out: Path) -> None:
    """Write the encoder as ONNX, with weights of eight bits, signed and by channel."""
    whole = out / "model.fp32.onnx"
    batch = tokens.batch([[5, 6, 7], [8]], "cpu")
    axes = {0: "windows", 1: "tokens"}
    torch.onnx.export(
        _States(judge.encoder.float().cpu()).eval(),
        (batch["input_ids"], batch["attention_mask"]),
        str(whole),
        input_names=["input_ids", "attention_mask"],
        output_names=["states"],
        dynamic_axes={"input_ids": axes, "attention_mask": axes, "states": axes},
        opset_version=17,
        dynamo=False,
    )
    quantize_dynamic(str(whole), str(out / "model.onnx"), weight_type=QuantType.QInt8, per_channel=True)
    whole.unlink()


def write_encoder(
    judge: Judge, bounds: dict[str, tuple[float, float]], canaries: Sequence[Canary], weights: Path, out: Path
) -> None:
    """Write the file that defines the detector."""
    matrix = (judge.head.weight.detach().cpu().numpy() * SCALE).astype("<f4")
    bias = judge.head.bias.detach().cpu().numpy()
    heads = tuple(
        Head(
            fact=fact,
            value="yes",
            weights=base64.b64encode(matrix[FACTS.index(fact)].tobytes()).decode(),
            bias=float(bias[FACTS.index(fact)]),
            unknown=bounds[fact][0],
            yes=bounds[fact][1],
        )
        for fact in MAIN
    )
    encoder = Encoder(
        format=FORMAT,
        model=Part("model.onnx", _digest(out / "model.onnx")),
        tokenizer=Part("tokenizer.json", _digest(weights / "tokenizer.json")),
        dimensions=matrix.shape[1],
        tokens=TOKENS,
        overlap=OVERLAP,
        windows_max=WINDOWS_MAX,
        head=heads,
        canary=tuple(canaries),
    )
    (out / "encoder.json").write_bytes(msgspec.json.format(msgspec.json.encode(encoder), indent=1) + b"\n")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def canary_of(fact: str, examples: Sequence[Example], said: Any) -> Canary:
    """The text of training that this encoder is surest of: what it misses one day is broken."""
    at = FACTS.index(fact)
    order = sorted(range(len(examples)), key=lambda i: -float(said[i, at]))
    best = next(
        examples[i].row
        for i in order
        if examples[i].row.facts.get(fact) == "yes" and len(examples[i].row.judged) <= CANARY_CHARS_MAX
    )
    surfaces = {RowSurface.TOOL_CALL: Surface.TOOL_CALL, RowSurface.OUTPUT: Surface.OUTPUT}
    return Canary(fact, best.judged, surfaces.get(best.surface, Surface.INPUT))


# ---- the way through -----------------------------------------------------------------------------------------------


def main(arguments: list[str]) -> int:
    """Train, measure and write. Returns the exit code."""
    given = _arguments(arguments)
    tokens = Tokens(given.weights)
    train, test = _examples(given.corpora, tokens)
    everyday = _everyday(given.benign, tokens)
    trainer = Trainer(given.weights, tokens, everyday[1::2], given.epochs)
    for_thresholds = everyday[::2]
    given.out.mkdir(parents=True, exist_ok=True)

    authors = sorted({example.author for example in train})
    held_out = np.zeros((len(train), len(FACTS)), np.float32)
    everyday_said = []
    for fold in range(given.folds):  # 1.
        theirs = set(authors[fold :: given.folds])
        judge = trainer.train([example for example in train if example.author not in theirs], seed=1)
        rows = [i for i, example in enumerate(train) if example.author in theirs]
        held_out[rows] = trainer.ask(judge, [train[i].tokens for i in rows])
        everyday_said.append(trainer.ask(judge, [text.tokens for text in for_thresholds]))
        _say(f"held out {', '.join(sorted(theirs))}")
    by_corpus = {
        corpus: np.concatenate(
            [said[[i for i, text in enumerate(for_thresholds) if text.corpus == corpus]] for said in everyday_said]
        )
        for corpus in sorted({text.corpus for text in for_thresholds})
    }
    report: dict[str, Any] = {
        "rows": {"train": len(train), "test": len(test), "authors": len(authors), "everyday": len(everyday)},
        "held_out_by_author": measure(train, held_out, np.concatenate(everyday_said)),
    }
    bounds = {fact: thresholds(fact, train, held_out, by_corpus) for fact in MAIN}

    judge = trainer.train(train, seed=2)  # 2.
    on_train = trainer.ask(judge, [example.tokens for example in train])
    canaries = [canary_of(fact, train, on_train) for fact in MAIN]
    export(judge, tokens, given.out)  # 3.
    write_encoder(judge, bounds, canaries, given.weights, given.out)
    judge = judge.to(trainer.device)
    if test:
        said = trainer.ask(judge, [example.tokens for example in test])
        report["test"] = measure(test, said, trainer.ask(judge, [text.tokens for text in for_thresholds]))
        report["test_at_thresholds"] = _at_thresholds(test, said, bounds)
    report["thresholds"] = {fact: {"unknown": low, "yes": high} for fact, (low, high) in bounds.items()}
    (given.out / "report.json").write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    _say(json.dumps(report.get("test", report["held_out_by_author"])))
    return 0


def _at_thresholds(
    examples: Sequence[Example], said: Any, bounds: dict[str, tuple[float, float]]
) -> dict[str, dict[str, float]]:
    """Of rows that are yes and no on a fact: the share found outright, and found or unknown."""
    found = {}
    for fact, (unknown, yes) in bounds.items():
        at = FACTS.index(fact)
        shares: dict[str, float] = {}
        for value in ("yes", "no"):
            scores = [_share(float(said[i, at])) for i, e in enumerate(examples) if e.row.facts.get(fact) == value]
            shares[f"{value}_outright"] = round(sum(score >= yes for score in scores) / max(1, len(scores)), 3)
            shares[f"{value}_or_unknown"] = round(sum(score >= unknown for score in scores) / max(1, len(scores)), 3)
        found[fact] = shares
    return found


def _arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train the encoder release.")
    for name in ("corpora", "weights", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--benign", type=Path, required=True, help="everyday text, JSON lines with corpus and text")
    parser.add_argument("--folds", type=int, default=4, help="in so many turns authors are held out")
    parser.add_argument("--epochs", type=int, default=8)
    return parser.parse_args(arguments)


def _examples(folder: Path, tokens: Tokens) -> tuple[list[Example], list[Example]]:
    split: dict[str, list[Example]] = {"train": [], "test": []}
    for corpus in read_corpora(folder):
        judged = tokens.of([row.judged for row in corpus.rows])
        asked = tokens.of([row.asked or "-" for row in corpus.rows])
        split[corpus.author.split] += [
            Example(row, corpus.author.author, ids, question if row.asked else [])
            for row, ids, question in zip(corpus.rows, judged, asked, strict=True)
        ]
    return split["train"], split["test"]


def _everyday(path: Path, tokens: Tokens) -> list[Everyday]:
    texts = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    random.Random(0).shuffle(texts)  # noqa: S311 - no secret
    ids = tokens.of([text["text"] for text in texts])
    return [Everyday(text["corpus"], found) for text, found in zip(texts, ids, strict=True)]


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
