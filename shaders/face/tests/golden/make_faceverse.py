"""Writes the small files in the form of FaceVerse 2 and 3 that the tests read, with numpy itself.

    python3 tests/golden/make_faceverse.py

The meshes are a bent sheet of 14 x 18 vertices and two small balls; every shape pushes a bump somewhere on the sheet, at a
place where a face has that muscle. Nothing of the real models is in them.
"""
import os
import pickle

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
NAMES = """browDownLeft browDownRight browInnerUp browOuterUpLeft browOuterUpRight cheekPuff cheekSquintLeft
cheekSquintRight eyeBlinkLeft eyeBlinkRight eyeLookDownLeft eyeLookDownRight eyeLookInLeft eyeLookInRight eyeLookOutLeft
eyeLookOutRight eyeLookUpLeft eyeLookUpRight eyeSquintLeft eyeSquintRight eyeWideLeft eyeWideRight jawForward jawLeft
jawOpen jawRight mouthClose mouthDimpleLeft mouthDimpleRight mouthFrownLeft mouthFrownRight mouthFunnel MouthLeft
mouthLowerDownLeft mouthLowerDownRight mouthPressLeft mouthPressRight mouthPucker MouthRight mouthRollLower mouthRollUpper
mouthShrugLower mouthShrugUpper mouthSmileLeft mouthSmileRight mouthStretchLeft mouthStretchRight mouthUpperUpLeft
mouthUpperUpRight noseSneerLeft noseSneerRight tongueOut""".split()
PLACES = {  # cm, +x the subject's left, +y up; times and direction of the push
    "browDown": (2.2, 2.4), "browInnerUp": (0.6, 2.6), "browOuterUp": (4.2, 2.6), "cheekPuff": (4.0, -5.0),
    "cheekSquint": (3.6, -2.2), "eyeBlink": (3.2, 0.4), "eyeLook": (3.2, 0.2), "eyeSquint": (3.2, -0.6),
    "eyeWide": (3.2, 0.8), "jaw": (0.0, -9.0), "mouth": (0.8, -6.4), "mouthSmile": (2.7, -6.2),
    "mouthFrown": (2.5, -6.8), "mouthStretch": (2.8, -6.6), "mouthDimple": (2.9, -6.4), "mouthLowerDown": (1.0, -7.2),
    "mouthUpperUp": (1.0, -5.6), "noseSneer": (1.1, -3.4), "tongueOut": (0.0, -6.6),
}


def place(name):
    stem = name[0].lower() + name[1:]
    side = 1 if stem.endswith("Left") else -1 if stem.endswith("Right") else 0
    stem = stem.removesuffix("Left").removesuffix("Right")
    key = max((k for k in PLACES if stem.startswith(k)), key=len)
    x, y = PLACES[key]
    return (x * (side or 1) if side else 0.0), y


def sheet():
    x, y = np.meshgrid(np.linspace(-7, 7, 14), np.linspace(-11, 7, 18))
    z = 9.0 - 0.09 * x**2 - 0.03 * (y + 2) ** 2
    p = np.stack([x, y, z], -1).reshape(-1, 3)
    i = np.arange(14 * 18).reshape(18, 14)
    a, b, c, d = i[:-1, :-1], i[:-1, 1:], i[1:, 1:], i[1:, :-1]
    t = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    return p, t


def shapes(p):
    out = np.zeros((52, len(p), 3))
    for k, name in enumerate(NAMES):
        x, y = place(name)
        w = np.exp(-((p[:, 0] - x) ** 2 + (p[:, 1] - y) ** 2) / 1.5)
        w[w < 0.02] = 0
        out[k] = w[:, None] * np.array([0.1, -0.6 if k % 2 else 0.5, 0.2])
    return out


def ball(centre, r=1.2):
    u, v = np.meshgrid(np.linspace(0, 2 * np.pi, 8, endpoint=False), np.linspace(0.2, np.pi - 0.2, 6))
    p = np.stack([np.sin(v) * np.cos(u), np.cos(v), np.sin(v) * np.sin(u)], -1).reshape(-1, 3) * r + centre
    i = np.arange(48).reshape(6, 8)
    j = np.roll(i, -1, 1)
    t = np.concatenate([np.stack([i[:-1], j[:-1], j[1:]], -1).reshape(-1, 3), np.stack([i[:-1], j[1:], i[1:]], -1).reshape(-1, 3)])
    return p, t


def base(d, unit):
    """(52, n, 3) in our frame to (3n, 52) in the file's."""
    return np.ascontiguousarray((d / unit * [1, -1, -1]).reshape(52, -1).T)


def save(name, value, protocol):
    with open(os.path.join(HERE, name), "wb") as f:
        array = np.array(value, dtype=object)
        np.lib.format.write_array_header_1_0(f, np.lib.format.header_data_from_array_1_0(array))
        pickle.dump(array, f, protocol=protocol)


p, t = sheet()
d = shapes(p)
two = {
    "meanshape": (p / 16.3 * [1, -1, -1]).astype(np.float32),
    "idBase": np.zeros((3 * len(p), 2), np.float32),
    "exBase": base(d, 16.3).astype(np.float16),
    "meantex": np.full((len(p), 3), [200, 150, 130], np.uint8),
    "tri": t.astype(np.int16),
    "exp_name_list": NAMES,
    "skinmask": np.ones(len(p), bool),
}
for protocol in (2, 4):
    save(f"faceverse2_p{protocol}.npy", two, protocol)
eyes = [ball([3.2, 0, 6.4]), ball([-3.2, 0, 6.4])]
q = np.concatenate([p] + [e[0] for e in eyes])
tri = np.concatenate([t, eyes[0][1] + len(p), eyes[1][1] + len(p) + 48])
dq = np.concatenate([d, np.zeros((52, 96, 3))], 1)
ends = np.array([len(p), len(p) + 48, len(p) + 96])
three = {
    "meanshape": np.asfortranarray((q / 16.3 * 100 * [1, -1, -1]).astype(np.float32)),
    "exBase_52": base(dq, 16.3 / 100).astype(">f2"),
    "exp_name_list_52": np.array(NAMES),
    "tri": tri[:, ::-1].astype(np.int32),
    "ver_inds": ends,
}
save("faceverse3.npy", three, 3)
np.save(os.path.join(HERE, "positions.npy"), q.astype("<f4"))
