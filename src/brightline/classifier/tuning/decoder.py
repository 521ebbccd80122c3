# SPDX-License-Identifier: Apache-2.0
"""The judge's decoder in torch, with matrices of low rank beside its own (LoRA, Hu et al. 2021, arXiv 2106.09685).

It computes what ``brightline.decoder.graph`` computes, for many exchanges at once and with gradients. The definitions
come first and are the same for all exchanges of a batch, so that they are read once for all of them; exchanges are of
different lengths and lie end to end, so that nothing is multiplied for the sake of a rectangle.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from brightline.decoder.adapter import PARTS, Adapter
from brightline.decoder.gguf import Gguf

# Not cuDNN's: for every new length it compiles anew, and with these masks its gradients were no numbers.
ATTENTION: Final = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
RANK: Final = 8
SCALE: Final = 2.0  # of what a pair of matrices adds
FIRST: Final = 4  # layers below find words, and stay as they are
BESIDE: Final = {"qkv": PARTS[:3], "out": PARTS[3:4], "wide": PARTS[4:6], "back": PARTS[6:]}  # one product for several


class Sizes(msgspec.Struct, frozen=True):
    """The sizes of a decoder of the Qwen2 shape; ``read`` are the layers whose states are read, from 1."""

    width: int
    heads: int
    kept: int
    base: float
    epsilon: float
    read: tuple[int, ...]

    @property
    def head(self) -> int:
        """Numbers in one head."""
        return self.width // self.heads


class Layer(nn.Module):  # type: ignore[misc, unused-ignore]
    """One layer's own weights, which do not learn, and the pairs of matrices beside them, which do."""

    def __init__(self, file: Gguf, number: int, ranked: bool) -> None:
        super().__init__()
        name = f"blk.{number}"
        self.outs = {part: file.tensors[f"{name}.{part}.weight"].rows for part in PARTS}
        for group, parts in BESIDE.items():
            whole = np.concatenate([file.rows(f"{name}.{part}.weight") for part in parts])
            self.register_buffer(group, torch.from_numpy(whole).to(torch.bfloat16))
        bias = np.concatenate([file.rows(f"{name}.{part}.bias").reshape(-1) for part in BESIDE["qkv"]])
        self.register_buffer("bias", torch.from_numpy(bias))
        for norm in ("attn_norm", "ffn_norm"):
            self.register_buffer(norm, torch.from_numpy(file.rows(f"{name}.{norm}.weight").reshape(-1).copy()))
        self._ranked = ranked
        self._settled: dict[str, Any] = {}
        self.down, self.up = nn.ParameterDict(), nn.ParameterDict()

    def begin(self) -> None:
        """Begin with matrices that add nothing yet."""
        self._settled = {}
        for group, parts in BESIDE.items() if self._ranked else ():
            inputs, device = getattr(self, group).shape[1], self.bias.device
            narrow = torch.randn(len(parts) * RANK, inputs) / math.sqrt(inputs)
            self.down[group] = nn.Parameter(narrow.to(device))
            for part in parts:
                self.up[part] = nn.Parameter(torch.zeros(self.outs[part], RANK, device=device))

    def product(self, rows: Any, group: str) -> Any:
        """``rows`` times the weights of a group, and what the matrices beside them add."""
        weights = self._settled.get(group, getattr(self, group))
        found = functional.linear(rows, weights, self.bias.to(rows.dtype) if group == "qkv" else None)
        if self._settled or not self.down:
            return found
        narrow = functional.linear(rows, self.down[group].to(rows.dtype))
        added = [
            functional.linear(narrow[:, at * RANK : (at + 1) * RANK], (SCALE * self.up[part]).to(rows.dtype))
            for at, part in enumerate(BESIDE[group])
        ]
        return found + (torch.cat(added, 1) if len(added) > 1 else added[0])

    def ranked(self) -> dict[str, tuple[Any, Any]]:
        """By part, the two matrices whose product is added, float16, shapes (rank, inputs) and (outputs, rank)."""
        found = {}
        for group, parts in BESIDE.items() if self.down else ():
            for at, part in enumerate(parts):
                narrow = self.down[group].detach()[at * RANK : (at + 1) * RANK]
                found[part] = narrow.half().cpu().numpy(), (SCALE * self.up[part].detach()).half().cpu().numpy()
        return found

    def settle(self) -> None:
        """From now on use weights with the added matrices in them, rounded to eight bits as they are when they run."""
        for group, parts in BESIDE.items():
            whole = getattr(self, group).float()
            at = 0
            for number, part in enumerate(parts):
                end = at + self.outs[part]
                if self.down:
                    narrow = self.down[group].detach()[number * RANK : (number + 1) * RANK]
                    whole[at:end] += (SCALE * self.up[part].detach()) @ narrow
                at = end
            scale = (whole.abs().amax(1, keepdim=True) / 127).clamp(min=1e-12)
            self._settled[group] = (torch.round(whole / scale) * scale).to(torch.bfloat16)


class Decoder(nn.Module):  # type: ignore[misc, unused-ignore]
    """The layers up to the last that is read."""

    _words: Any

    def __init__(self, path: Path, read: Sequence[int], ranked: bool = True) -> None:
        """Raises ``ReleaseError`` for a file that is no such model."""
        super().__init__()
        self.file = file = Gguf(path)
        self.sizes = Sizes(
            width=int(file.number("qwen2.embedding_length")),
            heads=int(file.number("qwen2.attention.head_count")),
            kept=int(file.number("qwen2.attention.head_count_kv")),
            base=file.number("qwen2.rope.freq_base"),
            epsilon=file.number("qwen2.attention.layer_norm_rms_epsilon"),
            read=tuple(read),
        )
        with ThreadPoolExecutor() as pool:  # unpacking is most of the work, and numpy does it without the lock
            layers = list(
                pool.map(lambda i: Layer(file, i, ranked and i >= min(FIRST, read[-1] - 1)), range(read[-1]))
            )
        self.layers = nn.ModuleList(layers)
        self._places: dict[int, int] = {}
        self.register_buffer("_words", torch.zeros(0, self.sizes.width))

    def words(self, tokens: Sequence[int]) -> Any:
        """The rows of tokens, shape (tokens, width), float32; those that were not seen before come from the file."""
        if new := sorted(set(tokens) - self._places.keys()):
            rows = torch.from_numpy(np.concatenate([self.file.rows("token_embd.weight", one, 1) for one in new]))
            self._places |= {token: len(self._places) + at for at, token in enumerate(new)}
            self._words = torch.cat([self._words, rows.to(self._words.device)])
        return self._words[torch.tensor([self._places[token] for token in tokens]).to(self._words.device)]

    def forward(self, prefix: Sequence[int], exchanges: Sequence[Sequence[int]]) -> Any:
        """The mean state of each exchange after the same prefix, shape (exchanges, layers read, width), float32."""
        device = self.layers[0].bias.device
        batch = _Batch(len(prefix), [len(one) for one in exchanges], self.sizes, device)
        every = [*prefix, *(token for one in exchanges for token in one)]
        state = self.words(every)
        means = []
        with sdpa_kernel(ATTENTION):
            for number, layer in enumerate(self.layers, 1):
                state = self._layer(layer, state, batch)
                if number in self.sizes.read:
                    means.append(batch.means(state))
        return torch.stack(means, 1)

    def _layer(self, layer: Layer, state: Any, batch: _Batch) -> Any:
        sizes = self.sizes
        rows = self._norm(state, layer.attn_norm).to(torch.bfloat16)
        query, key, value = layer.product(rows, "qkv").split([layer.outs[part] for part in BESIDE["qkv"]], 1)
        heard = batch.heard(
            batch.turned(query.view(-1, sizes.heads, sizes.head)),
            batch.turned(key.view(-1, sizes.kept, sizes.head)),
            value.view(-1, sizes.kept, sizes.head),
        )
        state = state + layer.product(heard, "out").float()
        rows = self._norm(state, layer.ffn_norm).to(torch.bfloat16)
        gate, wide = layer.product(rows, "wide").chunk(2, 1)
        return state + layer.product(functional.silu(gate) * wide, "back").float()

    def _norm(self, state: Any, weight: Any) -> Any:
        return functional.rms_norm(state, weight.shape, weight, self.sizes.epsilon)

    def adapter(self) -> Adapter:
        """What is added, as it is shipped."""
        return Adapter(
            {
                f"blk.{number}.{part}": both
                for number, layer in enumerate(self.layers)
                for part, both in layer.ranked().items()
            }
        )

    def begin(self) -> None:
        """Begin anew, with the publisher's own weights."""
        for layer in self.layers:
            layer.begin()

    def settle(self) -> None:
        """Become what runs once this is shipped, until it begins anew: weights of eight bits, nothing beside them."""
        with torch.no_grad():
            for layer in self.layers:
                layer.settle()


class _Batch:
    """Where the tokens of one batch lie, and which of them see which."""

    def __init__(self, prefix: int, lengths: Sequence[int], sizes: Sizes, device: Any) -> None:
        self.prefix, self.sizes = prefix, sizes
        count, longest = len(lengths), max(lengths)
        sizes_ = torch.tensor(lengths)
        row = torch.repeat_interleave(torch.arange(count), sizes_)
        starts = torch.cumsum(sizes_, 0) - sizes_
        column = torch.arange(int(sizes_.sum())) - torch.repeat_interleave(starts, sizes_)
        places = torch.cat([torch.arange(prefix), prefix + column]).double()
        angles = places[:, None] / sizes.base ** (torch.arange(0, sizes.head, 2).double() / sizes.head)
        angles = torch.cat([angles, angles], 1)
        self._cos, self._sin = (of(angles).float()[:, None].to(device) for of in (torch.cos, torch.sin))
        self._flat = (row * longest + column).to(device)
        self._row, self._count, self._longest = row.to(device), count, longest
        self._share = (1 / sizes_.float())[:, None].to(device)
        before = torch.ones(longest, prefix, dtype=torch.bool)
        seen = torch.cat([before, torch.ones(longest, longest, dtype=torch.bool).tril()], 1)
        self._seen = seen.to(device)  # what lies beyond an exchange's end is seen by nothing that is read

    def means(self, state: Any) -> Any:
        """The mean of each exchange's own tokens, shape (exchanges, width)."""
        total = torch.zeros(self._count, state.shape[1], device=state.device)
        return total.index_add(0, self._row, state[self.prefix :]) * self._share

    def turned(self, rows: Any) -> Any:
        """Rotary places (RoFormer, Su et al. 2021), shape (tokens, heads, numbers)."""
        rows = rows.float()
        one, other = rows.chunk(2, -1)
        return (rows * self._cos + torch.cat([-other, one], -1) * self._sin).to(torch.bfloat16)

    def heard(self, query: Any, key: Any, value: Any) -> Any:
        """What each token hears, shape (tokens, width): the prefix of itself, an exchange of the prefix and itself."""
        sizes, at = self.sizes, self.prefix
        shared = sizes.heads // sizes.kept
        parts = [one[:at].transpose(0, 1)[None] for one in (query, key, value)]
        first = functional.scaled_dot_product_attention(
            parts[0], *(one.repeat_interleave(shared, 1) for one in parts[1:]), is_causal=True
        )
        first = first[0].transpose(0, 1).reshape(at, sizes.width)
        query, *ours = (self._square(one[at:]) for one in (query, key, value))
        both = [
            torch.cat([old.expand(self._count, -1, -1, -1), new], 2).repeat_interleave(shared, 1)
            for old, new in zip(parts[1:], ours, strict=True)
        ]
        heard = functional.scaled_dot_product_attention(query, *both, attn_mask=self._seen)
        heard = heard.transpose(1, 2).reshape(self._count * self._longest, sizes.width)
        return torch.cat([first, heard[self._flat]])

    def _square(self, rows: Any) -> Any:
        """Rows that lie end to end, as a rectangle: shape (exchanges, heads, longest, numbers)."""
        square = rows.new_zeros(self._count * self._longest, *rows.shape[1:])
        square = square.index_copy(0, self._flat, rows)
        return square.view(self._count, self._longest, *rows.shape[1:]).transpose(1, 2)
