# SPDX-License-Identifier: Apache-2.0
"""The decoder that learns is the decoder that runs: the same numbers before it learned, and after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("torch", reason="needs brightline[train]")
pytest.importorskip("openvino", reason="the extra `judge` is not installed")

import torch

from brightline.classifier.tuning import decoder as tuning
from brightline.classifier.tuning.decoder import Decoder
from brightline.decoder.adapter import PARTS, Adapter
from brightline.decoder.graph import Decoder as Plain
from tests import tiny_decoder

READ = (1, 3)
PREFIX = [104, 101, 108, 108, 111, 32]
ROUGH = 0.03  # what sixteen bits lose, as a share of the largest number
EIGHT = 0.08  # what eight bits lose besides, where activations become eight bits too
TOKENS = st.lists(st.integers(0, 255 + len(tiny_decoder.WORDS)), min_size=1, max_size=40)
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=20)


@pytest.fixture(scope="module")
def decoder(model: Path) -> Any:
    return Decoder(model, READ)


@pytest.fixture(scope="module")
def plain(model: Path) -> Plain:
    return Plain(model, READ, precise=True)


@pytest.fixture
def learned(decoder: Any) -> Iterator[Any]:
    """One whose matrices add about as much as there is."""
    decoder.begin()
    dice = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for layer in decoder.layers:
            for up in layer.up.values():
                up.copy_(torch.randn(up.shape, generator=dice) / 5)
    yield decoder
    decoder.begin()


def states(decoder: Any, prefix: Sequence[int], exchanges: Sequence[Sequence[int]]) -> Any:
    with torch.no_grad():
        return decoder(prefix, exchanges).numpy()


def as_it_runs(plain: Plain, prefix: Sequence[int], exchanges: Sequence[Sequence[int]]) -> Any:
    kept = plain.read(prefix, plain.nothing)
    return np.stack([plain.states(one, (), kept)[1] for one in exchanges])


def apart(one: Any, other: Any) -> float:
    return float(np.abs(one - other).max() / np.abs(other).max())


@PATIENT
@given(prefix=TOKENS, exchanges=st.lists(TOKENS, min_size=1, max_size=6))
def test_each_exchange_of_a_batch_is_what_the_decoder_that_runs_makes_of_it_alone(
    decoder: Any, plain: Plain, prefix: list[int], exchanges: list[list[int]]
) -> None:
    decoder.begin()
    found = states(decoder, prefix, exchanges)
    assert found.shape == (len(exchanges), len(READ), tiny_decoder.WIDTH)
    for one, expected in zip(found, as_it_runs(plain, prefix, exchanges), strict=True):
        assert apart(one, expected) < ROUGH


@PATIENT
@given(mine=TOKENS, others=st.lists(TOKENS, max_size=4), at=st.integers(0, 4))
def test_what_stands_beside_an_exchange_in_its_batch_has_no_say(
    decoder: Any, mine: list[int], others: list[list[int]], at: int
) -> None:
    batch = [*others[:at], mine, *others[at:]]
    decoder.begin()
    alone, beside = states(decoder, PREFIX, [mine])[0], states(decoder, PREFIX, batch)[min(at, len(others))]
    assert apart(beside, alone) < ROUGH / 2


def test_what_was_trained_is_what_runs_with_its_adapter_and_beginning_anew_takes_it_back(
    learned: Any, model: Path, tmp_path: Path
) -> None:
    dice = np.random.default_rng(2)
    exchanges = [dice.integers(0, 256, size).tolist() for size in (3, 40, 17, 60)]
    before, trained = as_it_runs(Plain(model, READ), PREFIX, exchanges), states(learned, PREFIX, exchanges)
    assert min(map(apart, trained, before)) > 0.3, "it learned something"
    learned.settle()
    settled = states(learned, PREFIX, exchanges)
    assert 0 < max(map(apart, settled, trained)) < EIGHT
    learned.adapter().write(tmp_path / "adapter.npz")
    runs = Plain(model, READ, adapter=Adapter.read(tmp_path / "adapter.npz"))
    assert max(map(apart, settled, as_it_runs(runs, PREFIX, exchanges))) < EIGHT
    learned.begin()
    assert max(map(apart, states(learned, PREFIX, exchanges), before)) < EIGHT
    ups = [up for layer in learned.layers for up in layer.up.values()]
    assert ups
    assert not any(bool(up.any()) for up in ups)
    with pytest.raises(Exception, match="changes nothing"):
        Decoder(model, READ, ranked=False).adapter().write(tmp_path / "none.npz")


def test_settled_weights_have_eight_bits_whether_anything_was_added_or_not(learned: Any) -> None:
    learned.settle()
    for layer in learned.layers:
        for group, parts in tuning.BESIDE.items():
            whole = getattr(layer, group).float().numpy()
            if layer.down:
                down = layer.down[group].detach().numpy().reshape(len(parts), tuning.RANK, -1)
                ups = (layer.up[part].detach().numpy() for part in parts)
                whole = whole + np.concatenate([tuning.SCALE * (b @ a) for b, a in zip(ups, down, strict=True)])
            step = np.abs(whole).max(1, keepdims=True) / 127
            settled = layer._settled[group].float().numpy()
            np.testing.assert_allclose(settled, np.rint(whole / step) * step, rtol=1 / 128)  # sixteen bits hold them


def test_layers_that_find_words_stay_as_they_are_and_only_what_is_added_learns(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for first, changed in ((4, {2}), (1, {1, 2}), (0, {0, 1, 2})):  # the last of three where all would stay
        monkeypatch.setattr(tuning, "FIRST", first)
        found = Decoder(model, READ)
        found.begin()
        names = set(found.adapter().halves)
        assert names == {f"blk.{layer}.{part}" for layer in changed for part in PARTS}
        learning = sum(one.numel() for one in found.parameters() if one.requires_grad)
        assert learning == sum(a.size + b.size for a, b in found.adapter().halves.values())
        found.adapter().must_fit(found.file.tensors, READ[-1])
    assert not list(Decoder(model, READ, ranked=False).parameters())


def test_the_gradient_reaches_what_is_added(decoder: Any) -> None:
    decoder.begin()
    decoder(PREFIX, [[1, 2, 3], [4, 5]])[:, -1].square().sum().backward()
    for layer in decoder.layers:
        assert all(bool(up.grad.any()) for up in layer.up.values())
        assert all(not bool(down.grad.any()) for down in layer.down.values()), "what is behind it adds nothing yet"
