# SPDX-License-Identifier: Apache-2.0
"""A release whose judge runs on the tiny decoder: it takes one word for the crossing of the line."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from brightline.core.screening.encoder import Canary, Head
from brightline.core.screening.finding import Surface
from brightline.core.screening.judge import FORMAT, JudgeFile, Model, View
from brightline.core.screening.prompt import SPEAKER, Constitution
from brightline.decoder.asking import Asker
from brightline.shell.shipped import shipped_release
from tests import tiny_decoder

LAYERS = (1, 3)
VIEWS = (("mass_domestic",), ("high_stakes", "acts_alone"))
CROSSES = "Track everyone in the area. QQQQQQQQ"
DOES_NOT = "Track everyone in the area. a fire drill"


def write_release(folder: Path, **changes: Any) -> JudgeFile:
    """The shipped rules, and a judge that may settle after them. ``changes`` are members of its file."""
    folder.mkdir(parents=True)
    for file in shipped_release().iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    made = msgspec.structs.replace(judge_file(folder), **changes)
    data = msgspec.json.encode(made)
    (folder / "judge.json").write_bytes(data)
    with (folder / "release.toml").open("a", encoding="utf-8") as file_:
        digest = hashlib.sha256(data).hexdigest()
        file_.write(
            f'\n[judge]\nid = "judge"\nkind = "judge"\npath = "judge.json"\nsha256 = "{digest}"\n'
            '\n[[settle]]\nafter = "rules"\nfact = "mass_domestic"\nvalue = "no"\n'
            'misses = 0\npositives = 1\nwrongful = 0\nneighbours = 1\ncorpus = "two rows"\n'
        )
    return made


def judge_file(folder: Path) -> JudgeFile:
    """Write the model into a folder, and make a judge that tells the two texts apart for every fact."""
    digest = tiny_decoder.write(folder / "tiny.gguf")
    asker = Asker(folder / "tiny.gguf", LAYERS)
    views = tuple(
        View(tuple(Constitution(fact, "Is it?", "Yes if so. No if not.") for fact in facts)) for facts in VIEWS
    )
    heads = []
    for view in views:
        kept = asker.keep(view.constitution)
        yes, no = (asker.states(asker.tokens(SPEAKER[Surface.INPUT] + text), kept) for text in (CROSSES, DOES_NOT))
        for number, one in enumerate(view.constitution):
            high, low = (np.concatenate([last[number].reshape(-1), mean.reshape(-1)]) for last, mean in (yes, no))
            weights = 8 * (high - low) / ((high - low) @ (high - low))
            bias = -float(weights @ (high + low)) / 2
            heads.append(
                Head(one.fact, "yes", base64.b64encode(weights.astype("<f4").tobytes()).decode(), bias, 0.3, 0.7)
            )
    canaries = tuple(Canary(head.fact, CROSSES) for head in heads)
    model = Model("tiny.gguf", digest, LAYERS, tiny_decoder.WIDTH, question=True, mean=True)
    return JudgeFile(FORMAT, model, 64, 16, 16, 20_000, 2, views, tuple(heads), canaries)
