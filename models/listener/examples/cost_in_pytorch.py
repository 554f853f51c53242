"""What encoding and decoding cost in PyTorch, for setting beside `backchannel bench decode` on the same machine.

The same operations on the same sizes with random weights: gated attention units with preallocated caches, the speaker's keys
and values made once and shared by all streams, two threads, best of several runs. Run it and the bench one after the other:

    backchannel bench decode --preset base
    python cost_in_pytorch.py base        # or tiny
"""
import sys
import time

import torch

torch.set_num_threads(2)
SIZES = {
    # d, e d, s, encoder units, decoder layers, latents, frames, token widths, vocabularies
    "tiny": (64, 128, 32, 2, 2, 8, 100, [16] * 4, [64, 130, 540, 32]),
    "base": (512, 1024, 128, 8, 4, 20, 750, [128] * 4, [2048, 5976, 2710, 2048]),
}
d, e, s, encoders, layers, latents, frames, widths, vocabulary = SIZES[sys.argv[1] if len(sys.argv) > 1 else "base"]
silu, norm = torch.nn.functional.silu, torch.nn.functional.layer_norm


def linear(inputs, outputs):
    return torch.randn(outputs, inputs) / inputs**0.5, torch.zeros(outputs)


def rotated(x, position):
    half = s // 2
    angle = position[:, None] * 10000 ** (-torch.arange(half) / half)
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()], -1)


class SelfUnit:
    def __init__(self):
        self.uvz, self.out, self.scale = linear(d, 2 * e + s), linear(e, d), torch.ones(2, s)

    def parts(self, x, position):
        u, v, base = silu(torch.nn.functional.linear(norm(x, (d,)), *self.uvz)).split([e, e, s], -1)
        return u, v, rotated(base * self.scale[0], position), rotated(base * self.scale[1], position)

    def whole(self, x):
        u, v, q, k = self.parts(x, torch.arange(x.shape[0]).float())
        weights = torch.softmax(q @ k.T / s**0.5, -1)
        return x + torch.nn.functional.linear(u * (weights @ v), *self.out)

    def step(self, x, position, keys, values):
        u, v, q, k = self.parts(x, torch.tensor([float(position)]))
        keys[:, position], values[:, position] = k, v
        weights = torch.softmax(torch.einsum("bs,bns->bn", q, keys[:, : position + 1]) / s**0.5, -1)
        mixed = torch.einsum("bn,bne->be", weights, values[:, : position + 1])
        return x + torch.nn.functional.linear(u * mixed, *self.out)


class CrossUnit:
    def __init__(self):
        self.uq, self.out, self.scale = linear(d, e + s), linear(e, d), torch.ones(s)

    def step(self, x, position, keys, values):
        u, base = silu(torch.nn.functional.linear(norm(x, (d,)), *self.uq)).split([e, s], -1)
        q = rotated(base * self.scale, torch.tensor([float(position)]))
        weights = torch.softmax(q @ keys.T / s**0.5, -1)
        return x + torch.nn.functional.linear(u * (weights @ values), *self.out)


def best(what, times):
    spent = []
    for _ in range(times):
        begun = time.perf_counter()
        what()
        spent.append(time.perf_counter() - begun)
    return min(spent) * 1e3


with torch.no_grad():
    units = [SelfUnit() for _ in range(encoders)]
    tokens = torch.randn(frames + 1, d)

    def encode():
        x = tokens
        for unit in units:
            x = unit.whole(x)

    print(f"encode a clip of {frames} frames: {best(encode, 5):.3f} ms")

    decoder = [(SelfUnit(), CrossUnit()) for _ in range(layers)]
    heads = [(linear(d, width), torch.randn(size, width), torch.zeros(size)) for width, size in zip(widths, vocabulary)]
    heard = [(torch.randn(frames + 1, s), torch.randn(frames + 1, e)) for _ in range(layers)]
    for streams in (1, latents):
        caches = [(torch.zeros(streams, frames, s), torch.zeros(streams, frames, e)) for _ in range(layers)]

        def decode():
            for frame in range(frames):
                x = torch.randn(streams, d)
                for (own, cross), cache, memory in zip(decoder, caches, heard):
                    x = cross.step(own.step(x, frame, *cache), frame, *memory)
                h = norm(x, (d,))
                for inner, table, bias in heads:
                    torch.nn.functional.linear(h, *inner) @ table.T + bias

        print(f"decode a frame, {streams} streams: {best(decode, 3) / frames:.4f} ms")
