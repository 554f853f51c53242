"""What the official Python code computes for the six measures, restated from their formulas with the libraries it uses,
and what that costs in processor milliseconds per unit.

    python official.py FOLDER --samples N

FOLDER holds `pred.npy` [clips][samples][frames][25], `listener.npy` and `speaker.npy` [clips][frames][25]; every
listener is appropriate for every clip. FRCorr, FRDist and FRSyn take seconds a sample and are computed for the first N
samples of each clip. Prints one JSON object: measure -> {"ms": per unit, "values": [...]}. Called by cost.rs.
"""

import argparse
import json
import os
import sys
import time

for threads in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[threads] = "1"  # before the libraries are loaded: processor time, not waiting threads

try:
    import numpy as np
    import torch
    from tslearn.metrics import dtw
except ImportError as error:
    sys.exit(f"{error.name} is missing; install with: {sys.executable} -m pip install numpy torch tslearn")

LAGS = range(-49, 50)
ROUNDS = 4


def concordance(truth, prediction):
    """Mean over columns of the concordance correlation; a constant column scores 0."""
    values = []
    for column in range(truth.shape[1]):
        x, y = truth[:, column], prediction[:, column]
        r = np.nan_to_num(np.corrcoef(x, y)[0, 1])
        numerator = 2 * r * np.std(x) * np.std(y)
        values.append(numerator / (np.var(x) + np.var(y) + (np.mean(x) - np.mean(y)) ** 2 + 1e-8))
    return float(np.mean(values))


def distance(truth, prediction):
    groups = ((0, 15, 15), (15, 17, 1), (17, 25, 8))
    return sum(dtw(prediction[:, a:b], truth[:, a:b]) / weight for a, b, weight in groups)


def pearson(x, y):
    return np.corrcoef(x, y)[0, 1] if len(x) > 1 else np.nan  # NaN for a constant column


def offset(prediction, speaker):
    """Lag of the highest mean correlation, positive when the reaction comes later; NaN counts as the highest."""
    means = []
    for lag in LAGS:
        a = prediction[max(lag, 0) : len(prediction) + min(lag, 0)]
        b = speaker[max(-lag, 0) : len(speaker) + min(-lag, 0)]
        means.append(np.mean([pearson(a[:, c], b[:, c]) for c in range(a.shape[1])]))
    return int(np.argmax(means)) - 49


def between(points):
    """Sum of squared distances over ordered pairs, for each point."""
    return (torch.cdist(points, points) ** 2).sum(dim=1)


def diversity(samples):
    count = samples.shape[0]
    flat = samples.reshape(count, -1)
    return float(between(flat).sum() / (count * (count - 1) * flat.shape[1]))


def diversity_between_clips(pred):
    clips, samples = pred.shape[:2]
    flat = pred.reshape(clips, samples, -1)
    total = sum(between(flat[:, sample].contiguous()) for sample in range(samples))
    return (total / ((clips - 1) * samples * flat.shape[2])).tolist()


def measured(units, compute, least_ms=0.0):
    """Processor milliseconds per unit, the best of a few measurements, and the values; short work is repeated."""
    best = float("inf")
    for _ in range(ROUNDS):
        start, times = time.process_time(), 0
        while times == 0 or (time.process_time() - start) * 1e3 < least_ms:
            values, times = compute(), times + 1
        best = min(best, (time.process_time() - start) * 1e3 / times / units)
    return {"ms": best, "values": values}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--samples", type=int, default=1)
    parser.add_argument("--only", default="", help="measures, comma-separated")
    arguments = parser.parse_args()
    pred, listener, speaker = (
        np.load(os.path.join(arguments.folder, f"{name}.npy")) for name in ("pred", "listener", "speaker")
    )
    torch.set_num_threads(1)
    few = pred[:, : arguments.samples]
    clips, samples = pred.shape[:2]
    each = [(clip, sample) for clip in range(clips) for sample in range(few.shape[1])]
    tensor = torch.from_numpy(pred)
    dtw(listener[0][:9], listener[0][:9])  # compiled on first use
    np.seterr(invalid="ignore", divide="ignore")
    import warnings

    warnings.simplefilter("ignore")
    jobs = {
        "FRCorr": lambda: measured(
            len(each) * clips, lambda: [max(concordance(t, few[c, s]) for t in listener) for c, s in each]
        ),
        "FRDist": lambda: measured(
            len(each) * clips, lambda: [min(distance(t, few[c, s]) for t in listener) for c, s in each]
        ),
        "FRSyn": lambda: measured(len(each), lambda: [offset(few[c, s], speaker[c]) for c, s in each]),
        "FRDvs": lambda: measured(clips * clips * samples, lambda: diversity_between_clips(tensor), 200),
        "FRDiv": lambda: measured(clips * samples**2, lambda: [diversity(clip) for clip in tensor], 200),
        "FRVar": lambda: measured(
            clips * samples,
            lambda: [float(torch.stack([torch.var(s, dim=0).mean() for s in clip]).mean()) for clip in tensor],
            200,
        ),
    }
    wanted = arguments.only.split(",") if arguments.only else list(jobs)
    print(json.dumps({name: jobs[name]() for name in wanted}))


if __name__ == "__main__":
    main()
