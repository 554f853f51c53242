"""What answering and training steps of the compared systems cost in PyTorch at the official sizes, for setting beside
`cargo run --release -p baselines --example baselines_cost` on the same machine.

The same layers on the same sizes with random weights, written from the description in this crate (modules of PyTorch where there
are any, as the official code has them). Best of three after one unmeasured run, time of the processor and of the wall; a step is a forward and a backward pass, without
optimiser. Run it and the example one after the other, with as many threads:

    RAYON_NUM_THREADS=1 cargo run --release -p baselines --example baselines_cost
    python cost_in_pytorch.py 1 [NAME]
"""
import math
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
torch.manual_seed(1)
rand = torch.randn


def line(name, of, grad):
    if len(sys.argv) > 2 and sys.argv[2] not in name:
        return

    def once():
        if grad:
            of().backward()
        else:
            with torch.no_grad():
                of()

    once()
    best = [math.inf, math.inf]
    for _ in range(3):
        before, begun = time.process_time(), time.perf_counter()
        once()
        best = [min(best[0], time.process_time() - before), min(best[1], time.perf_counter() - begun)]
    print(f"{name:<72} {best[0] * 1e3:>9.1f} ms computed {best[1] * 1e3:>9.1f} ms passed", flush=True)


# --- Trans-VAE ------------------------------------------------------------------------------------------------------------


class Eyes(nn.Module):
    """Five convolutions of (1, k, k), each with an instance norm over frames and picture, and ReLU."""

    def __init__(self, d=128):
        super().__init__()
        sizes = [(3, d // 4, 7, 2, 3), (d // 4, d, 7, 2, 3), (d, d, 3, 2, 1), (d, d, 3, 1, 1), (d, d, 3, 2, 1)]
        self.conv = nn.ModuleList(
            nn.Conv3d(i, o, (1, k, k), (1, s, s), (0, p, p), bias=False) for i, o, k, s, p in sizes
        )
        self.pool, self.norm, self.fc = nn.MaxPool3d((1, 3, 3), (1, 2, 2)), nn.InstanceNorm3d(d), nn.Linear(d, d)

    def forward(self, video):  # [B, T, 3, H, W]
        step = lambda index, x: F.relu(F.instance_norm(self.conv[index](x)))
        x = self.pool(step(0, video.transpose(1, 2)))
        x = step(2, step(1, x))
        x = step(4, x + step(3, x))
        return self.fc(x.mean((3, 4)).transpose(1, 2))


class TransVae(nn.Module):
    def __init__(self, d=128, sight=True):
        super().__init__()
        self.d, self.eyes = d, Eyes(d) if sight else nn.Linear(25, d)
        self.ears, self.both, self.map = nn.Linear(78, d), nn.Linear(2 * d, d), nn.Linear(d, d)
        self.tokens = nn.Parameter(rand(2, d))
        self.vae = nn.TransformerEncoderLayer(d, 4, 2 * d, 0.1, batch_first=True)
        decoder = lambda: nn.TransformerDecoderLayer(d, 4, 2 * d, 0.1, batch_first=True)
        self.one, self.two = decoder(), decoder()
        self.face, self.e1, self.e2 = nn.Linear(d, 58), nn.Linear(d + 58, d), nn.Linear(d, 25)

    def forward(self, seen, heard, eps):
        batch, frames, _ = heard.shape
        feature = self.both(torch.cat([self.eyes(seen), self.ears(heard)], 2))
        x = torch.cat([self.tokens[None].expand(batch, 2, self.d), self.map(feature)], 1)
        x = self.vae(x)
        mu, logvar = x[:, 0], x[:, 1]
        z = mu + (logvar / 2).exp() * eps
        mask = torch.triu(torch.full((frames, frames), -math.inf), 1)
        queries = torch.zeros(batch, frames, self.d)
        one = self.one(queries, z[:, None], tgt_mask=mask)
        two = self.two(one, one, tgt_mask=mask)
        face = self.face(two)
        return self.e2(self.e1(torch.cat([face, two], 2))), face, mu, logvar


def trans_vae():
    for preset, batch, frames, d, sight in [
        ("official-offline", 1, 16, 128, True),
        ("official-offline", 1, 64, 128, True),
        ("official on attributes", 1, 750, 128, False),
        ("official on attributes", 4, 256, 128, False),
    ]:
        net = TransVae(d, sight)
        seen = rand(batch, frames, 3, 224, 224) if sight else rand(batch, frames, 25)
        heard, eps = rand(batch, frames, 78), rand(batch, d)
        emotion, face = rand(batch, frames, 25), rand(batch, frames, 58)

        def step():
            e, f, mu, logvar = net(seen, heard, eps)
            with torch.no_grad():
                e2, f2, _, _ = net(seen, heard, eps)
            rec = F.mse_loss(e, emotion) + F.mse_loss(f[..., :52], face[..., :52]) + 10 * F.mse_loss(f[..., 52:], face[..., 52:])
            kl = -0.5 * (1 + logvar - mu**2 - logvar.exp()).mean()
            alike = lambda a, b: torch.exp(-((a - b) ** 2).flatten(1).sum(1) / 100).mean()
            return rec + 1e-5 * kl + 10 * (alike(e, e2) + alike(f, f2))

        name = f"trans-vae {preset}, {batch} x {frames} frames"
        net.eval()
        line(f"{name}: answer", lambda: net(seen, heard, eps), False)
        net.train()
        line(f"{name}: step", step, True)


# --- BeLFusion ------------------------------------------------------------------------------------------------------------


class WindowVae(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc, self.dec, self.z = nn.GRUCell(25, 128), nn.GRUCell(153, 128), nn.Linear(128, 128)
        self.mlp, self.out = nn.Sequential(nn.Linear(128, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh()), nn.Linear(64, 25)
        self.face = nn.Sequential(nn.Linear(25, 128), nn.Tanh(), nn.Linear(128, 58))

    def encode(self, x):
        h = torch.zeros(len(x), 128)
        for t in range(x.shape[1]):
            h = self.enc(x[:, t], h)
        return h

    def decode(self, z):
        c, h, y, all = self.z(z), torch.zeros(len(z), 128), torch.zeros(len(z), 25), []
        for _ in range(50):
            h = self.dec(torch.cat([c, y], 1), h)
            y = self.out(self.mlp(h))
            all.append(y)
        return torch.stack(all, 1)


class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.time = nn.Sequential(nn.Linear(64, 128), nn.SiLU(), nn.Linear(128, 128))
        self.cond = nn.Sequential(nn.Linear(128, 128), nn.SiLU(), nn.Linear(128, 128))
        self.lin = nn.ModuleList(nn.Linear(256 if i == 0 else 1152, 128 if i == 9 else 1024) for i in range(10))
        self.emb = nn.ModuleList(nn.Linear(256, 1024) for _ in range(9))
        self.norm = nn.ModuleList(nn.LayerNorm(1024) for _ in range(9))

    def forward(self, x, t, cond):
        f = torch.exp(-math.log(10000) * torch.arange(32) / 32)
        c = torch.cat([self.time(torch.cat([(t[:, None] * f).cos(), (t[:, None] * f).sin()], 1)), self.cond(cond)], 1)
        h = x
        for i in range(9):
            u = self.lin[i](torch.cat([h, x], 1))
            h = F.silu(self.norm[i](u * (1 + self.emb[i](F.silu(c)))))
        return self.lin[9](torch.cat([h, x], 1))


def belfusion():
    vae, net = WindowVae(), Denoiser()
    for p in vae.parameters():
        p.requires_grad_(False)
    speaker, noise = rand(10, 750, 25), rand(150, 128)
    alpha = torch.linspace(0.97, 1e-4, 10).double()

    def answer():
        cond, x = vae.encode(speaker.reshape(150, 50, 25)), noise
        for t in reversed(range(10)):
            x0 = net(x, torch.full((150,), float(t)), cond).clamp(-1, 1)
            a, before = alpha[t].item(), alpha[t - 1].item() if t else 1.0
            eps = (x / a**0.5 - x0) / (1 / a - 1) ** 0.5
            x = before**0.5 * x0 + (1 - before) ** 0.5 * eps
        y = vae.decode(x)
        return y, vae.face(y)

    line("belfusion official, 10 samples of 750 frames: answer", answer, False)
    window, drawn, steps = rand(32, 50, 25), rand(320, 128), torch.full((320,), 5.0)

    def step():
        cond = vae.encode(window).repeat_interleave(10, 0)
        target = vae.encode(window).repeat_interleave(10, 0)
        x = 0.6 * target + 0.8 * drawn
        made = net(x, steps, cond)
        a = (made - target).abs().mean(1).view(32, 10).min(1).values.mean()
        b = ((vae.decode(made) - vae.decode(target)) ** 2).mean((1, 2)).view(32, 10).min(1).values.mean()
        return 10 * a + 10 * b

    line("belfusion official, 32 windows, k = 10: step", step, True)


# --- REGNN ----------------------------------------------------------------------------------------------------------------


class MultLayer(nn.Module):
    def __init__(self, d=128):
        super().__init__()
        self.attn, self.n0, self.n1 = nn.MultiheadAttention(d, 4, batch_first=True), nn.LayerNorm(d), nn.LayerNorm(d)
        self.fc1, self.fc2 = nn.Linear(d, 4 * d), nn.Linear(4 * d, d)

    def forward(self, x, key):
        k = self.n0(key)
        x = x + F.dropout(self.attn(self.n0(x), k, k, need_weights=False)[0], 0.1, self.training)
        hidden = F.dropout(F.relu(self.fc1(self.n1(x))), 0.1, self.training)
        return x + F.dropout(self.fc2(hidden), 0.1, self.training)


class Regnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.v = nn.Linear(768, 128, bias=False)
        self.cross, self.memory = (nn.ModuleList(MultLayer() for _ in range(5)) for _ in range(2))
        self.n1, self.n2 = nn.LayerNorm(128), nn.LayerNorm(128)
        self.p1, self.p2, self.out = nn.Linear(128, 128), nn.Linear(128, 128), nn.Linear(128, 64)
        self.convert = nn.Sequential(nn.Linear(64, 32), nn.GELU(), nn.Linear(32, 25))
        self.mix = nn.Sequential(nn.Linear(50, 50), nn.GELU(), nn.Linear(50, 50))
        self.qk = nn.Linear(50, 800, bias=False)
        self.motor = nn.ModuleList(nn.Linear(50, 100) for _ in range(2))
        self.w = nn.ParameterList(nn.Parameter(torch.ones(1, 8)) for _ in range(2))
        self.scale, self.shift = nn.Parameter(torch.zeros(2, 25, 1)), nn.Parameter(torch.zeros(2, 25, 1))
        self.place = rand(1, 50, 128)

    def perceive(self, video, audio):
        enter = lambda x: F.dropout(128**0.5 * x + self.place, 0.25, self.training)
        x, key = enter(self.v(video)), enter(audio)
        for layer in self.cross:
            x = layer(x, key)
        x = enter(self.n1(x))
        for layer in self.memory:
            x = layer(x, x)
        h = self.n2(x)
        nodes = self.convert(self.out(h + self.p2(F.relu(self.p1(h))))).transpose(1, 2)
        q, k = self.qk(self.mix(nodes)).view(-1, 25, 2, 8, 50).permute(2, 0, 3, 1, 4)
        a = torch.softmax(q @ k.transpose(2, 3) * 50**-0.5, -1)
        top = a.detach().sum(1).topk(5, -1).indices
        kept = torch.zeros(len(a), 25).scatter_(1, top.flatten(1), 1.0)[:, None, :].expand(-1, 25, -1)
        kept = torch.maximum(kept, torch.eye(25))
        r = a * kept[:, None]
        r = r / (r.sum(-1, keepdim=True) + 1e-16)
        c = r / (r.sum(-2, keepdim=True) + 1e-16)
        return nodes, r @ c.transpose(2, 3)

    def bound(self, i):
        q, k = self.motor[i].weight.detach().split(50)
        return torch.linalg.matrix_norm(torch.eye(50) + 2 * 50**-0.5 * q @ k.T, 2) + 5

    def residual(self, i, x, edges, bound):
        s = torch.sigmoid(F.elu(x))
        q, k = self.motor[i](s).split(50, -1)
        m = torch.softmax(q @ k.transpose(1, 2) * 50**-0.5, -1)[:, None] * edges
        m = m / m.sum(-1, keepdim=True)
        return (m * (self.w[i] / self.w[i].sum()).view(1, 8, 1, 1)).sum(1) @ s / bound

    def forward_motor(self, x, edges):
        for i in range(2):
            x = x * self.scale[i].exp() + self.shift[i]
            x = x + self.residual(i, x, edges, self.bound(i))
        return x

    def inverse(self, y, edges):
        for i in (1, 0):
            bound, x = self.bound(i), y
            for _ in range(5):
                old, x = x, y - self.residual(i, x, edges, bound)
                if (x - old).abs().max() <= 1e-3:
                    break
            y = (x - self.shift[i]) * (-self.scale[i]).exp()
        return y


def regnn():
    net = Regnn()
    video, audio, noise = rand(29, 50, 768), rand(29, 50, 128), rand(29, 25, 50)

    def answer():
        nodes, edges = net.perceive(video, audio)
        n = noise * min(1.0, 0.06**0.5 / noise.abs().max().item())
        return net.inverse(nodes + n, edges)

    net.eval()
    line("regnn official, 29 windows (30 s): answer", answer, False)
    net.train()
    targets = rand(290, 25, 50)

    def step():
        nodes, edges = net.perceive(video, audio)
        made = net.forward_motor(targets, edges.repeat_interleave(10, 0)).view(29, 10, 25, 50)
        near = ((made - nodes[:, None]) ** 2).mean((2, 3)).min(1).values.mean()
        return near + ((made - made.mean(1, keepdim=True)) ** 2).mean()

    line("regnn official, 29 windows with 10 reactions each: step", step, True)


# --- Learning2Listen ------------------------------------------------------------------------------------------------------


class Attend(nn.Module):
    def __init__(self, h, heads, inner, cross=False):
        super().__init__()
        self.h, self.heads, self.cross = h, heads, cross
        self.qkv, self.out = nn.Linear(h, 3 * h, bias=False), nn.Linear(h, h)
        self.n1, self.n2, self.l1, self.l2 = nn.LayerNorm(h), nn.LayerNorm(h), nn.Linear(h, inner), nn.Linear(inner, h)

    def forward(self, x, mask=None, queries=None):
        n = self.n1(x)
        split = lambda y: y.view(*y.shape[:2], self.heads, -1).transpose(1, 2)
        q, k, v = self.qkv(n).chunk(3, -1)
        if queries is not None:
            q = F.linear(queries, self.qkv.weight[: self.h])
        scores = split(q) @ split(k).transpose(2, 3) * self.h**-0.5
        a = torch.softmax(scores if mask is None else scores + mask, -1) @ split(v)
        x = x + self.out(a.transpose(1, 2).flatten(2))
        return x + self.l2(F.gelu(self.l1(self.n2(x)), approximate="tanh"))


class Squash(nn.Module):
    def __init__(self, i, h, pools):
        super().__init__()
        self.a = nn.Sequential(nn.Conv1d(i, h, 5, 2, 2, padding_mode="replicate"), nn.LeakyReLU(0.2), nn.BatchNorm1d(h))
        more = [[nn.Conv1d(h, h, 5, 1, 2, padding_mode="replicate"), nn.LeakyReLU(0.2), nn.BatchNorm1d(h), nn.MaxPool1d(2)] for _ in range(pools)]
        self.b = nn.Sequential(*[layer for part in more for layer in part])

    def forward(self, x):
        return self.b(self.a(x))


class Vq(nn.Module):
    def __init__(self, motion=58, h=256):
        super().__init__()
        self.squash, self.e = Squash(motion, h, 2), nn.Linear(h, h)
        self.enc, self.dec = (nn.ModuleList(Attend(h, 8, 384) for _ in range(12)) for _ in range(2))
        self.pos_e, self.pos_d, self.codes = nn.Parameter(rand(4, h)), nn.Parameter(rand(32, h)), nn.Parameter(rand(200, h))
        self.up = nn.ConvTranspose1d(h, h, 5, 2, 2, 1)
        conv = lambda: nn.Sequential(nn.Conv1d(h, h, 5, 1, 2, padding_mode="replicate"), nn.LeakyReLU(0.2), nn.BatchNorm1d(h))
        self.n, self.c1, self.c2, self.d = nn.BatchNorm1d(h), conv(), conv(), nn.Linear(h, h)
        self.smooth = nn.Conv1d(h, motion, 5, padding=2)

    def forward(self, x):
        z = self.e(self.squash(x.transpose(1, 2)).transpose(1, 2)) + self.pos_e
        for block in self.enc:
            z = block(z)
        rows = z.transpose(1, 2).reshape(-1, 256)
        index = torch.cdist(rows, self.codes).argmin(1)
        q = self.codes[index].view(len(x), 4, 256).view(len(x), 256, 4)
        y = self.n(F.leaky_relu(self.up(q), 0.2))
        y = self.c1(y).repeat_interleave(2, -1)
        y = self.c2(y).repeat_interleave(2, -1)
        y = self.d(y.transpose(1, 2)) + self.pos_d
        for block in self.dec:
            y = block(y)
        return self.smooth(y.transpose(1, 2))


class Predictor(nn.Module):
    def __init__(self, motion=58, h=200):
        super().__init__()
        self.sound, self.motion = nn.Linear(128, 2 * h), nn.Linear(motion, 2 * h)
        self.ps, self.pm = nn.Parameter(rand(40, 2 * h)), nn.Parameter(rand(40, 2 * h))
        self.cross = nn.ModuleList(Attend(2 * h, 10, 128, True) for _ in range(2))
        self.squash, self.narrow = Squash(2 * h, 2 * h, 2), nn.Linear(2 * h, h)
        self.codes, self.pl, self.pj = nn.Embedding(200, h), nn.Parameter(rand(4, h)), nn.Parameter(rand(9, h))
        self.joint = nn.ModuleList(Attend(h, 10, 128) for _ in range(5))
        self.norm, self.out = nn.LayerNorm(h), nn.Linear(h, 200, bias=False)

    def forward(self, past, motion, sound):
        s = self.sound(F.max_pool1d(sound.transpose(1, 2), 4).transpose(1, 2)) + self.ps
        m = self.motion(motion) + self.pm
        for block in self.cross:
            m = block(m, queries=s)
        seen = self.narrow(self.squash(m.transpose(1, 2)).transpose(1, 2))
        x = torch.cat([self.codes(past) + self.pl, seen], 1) + self.pj
        mask = torch.zeros(9, 9)
        mask[:2, :4] = -1e30
        for block in self.joint:
            x = block(x, mask)
        return self.out(self.norm(x))


def learning2listen():
    vq, net = Vq().eval(), Predictor().eval()
    motion = rand(32, 32, 58)
    line("learning2listen official, VQ, 32 x 32 frames: encode and decode", lambda: vq(motion), False)
    past, speaker, sound = torch.zeros(32, 4, dtype=torch.long), rand(32, 40, 58), rand(32, 160, 128)
    line("learning2listen official, predictor, batch 32: answer", lambda: net(past, speaker, sound), False)
    net.train()
    loss = lambda: F.cross_entropy(net(past, speaker, sound)[:, :4].flatten(0, 1), past.flatten())
    line("learning2listen official, predictor, batch 32: step", loss, True)


trans_vae()
belfusion()
regnn()
learning2listen()
