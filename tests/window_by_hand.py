"""The window network and its objectives in plain NumPy, one window after the other: the oracle of `ner.model`."""

import itertools

import numpy as np

FUNCTIONS = {
    "hard_tanh": lambda z: np.clip(z, -1, 1),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "relu": lambda z: np.maximum(z, 0),
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "softplus": lambda z: np.log1p(np.exp(z)),
    "tanh": np.tanh,
    "parametric_relu": lambda z, a: np.where(z > 0, z, a * z),
}


def one(values, k, ending=""):
    """The data of window k; with an ending, those of its corrupt window under the usual names."""
    names = [n for n in values if n not in ("first", "moves")]
    own = {n: values[n][k] for n in names if not n.endswith("_corrupt")}
    return {n: values[n + ending][k] if n + ending in values else v for n, v in own.items()}


def scores(network, params, d, masked=True):
    """s (C,) of one window: of its ids, and of its dropout masks if any."""
    a, p = network.architecture, params
    mask = {n: v for n, v in d.items() if n.startswith("mask_")} if masked else {}
    tables = {"words": "E", "caps": "K"}
    x = []
    for group in (("words",), *a.widths):
        rows = [sum(p[tables.get(n, f"K_{n}")][d[n][place]] for n in group) for place in range(a.window)]
        x.append(np.concatenate(rows) if a.combine == "concatenate" else sum(rows) / len(rows))
    f = FUNCTIONS[a.activation]
    more = (p["a"],) if a.activation == "parametric_relu" else ()
    h = f(p["W"] @ (np.concatenate(x) * mask.get("mask_x", 1.0)) + p["b"], *more) * mask.get("mask_h", 1.0)
    if a.layers == 2:
        h = f(p["W_2"] @ h + p["b_2"], *more) * mask.get("mask_h_2", 1.0)
    s = p["U"] @ h + p["c"]
    if a.short_circuit:
        for place, row in enumerate(d["direct"]):
            s = s + p["L"][row] * (mask["mask_direct"][place] if "mask_direct" in mask else 1.0)
    return np.concatenate([[0.0], s]) if a.objective in ("logistic", "margin") else s


def looked_at(name, window):
    """The places of the window where a feature has scores of its own: where its tokens lie in the window."""
    word, number = name.rstrip("0123456789"), int("0" + name.lstrip("abcdefghijklmnopqrstuvwxyz"))
    if word in ("place", "head", "tail", "upto", "rest"):
        return [window // 2]
    covered = number if word in ("gram", "shape") and number else 1
    return [place for place in range(window) if place + covered <= window] or [0]


def direct(network, windows):
    """The rows of L of one window: blocks of features, in them of places, in them of values."""
    found, begin = [], 0
    for name in network.architecture.direct:
        rows = 8 if name == "caps" else network.rows[name]
        for place in looked_at(name, network.architecture.window):
            found.append(begin + windows[name][place])
            begin += rows
    return found


def log_softmax(s):
    return s - s.max() - np.log(np.exp(s - s.max()).sum())


def sigma(s):
    return 1 / (1 + np.exp(-s))


def asked(network, params, values, k):
    """What window k adds to the loss, from the definition of the objective."""
    a, d = network.architecture, one(values, k)
    s, y = scores(network, params, d), d["y"]
    match a.objective:
        case "softmax":
            return -log_softmax(s)[y]
        case "logistic":
            return -sum(np.log(sigma(s[c]) if c == y else 1 - sigma(s[c])) for c in range(1, len(s)))
        case "hinge":
            return sum(max(0.0, a.margin + s[c] - s[y]) for c in range(len(s)) if c != y)
        case "margin":
            corrupt = scores(network, params, one(values, k, "_corrupt"))
            return max(0.0, a.margin + corrupt[y] - s[y])
    raise ValueError(a.objective)


def path_score(s, A, path):
    """Σ s[n, y_n] + Σ A[y_n, y_n+1], with the moves from and to the border."""
    border = len(A) - 1
    tags = [border, *path, border]
    return sum(s[n, c] for n, c in enumerate(path)) + sum(A[i, j] for i, j in itertools.pairwise(tags))


def all_paths(s, A):
    """Every path of a sentence with its probability: {path: P}."""
    paths = list(itertools.product(range(s.shape[1]), repeat=len(s)))
    values = np.array([path_score(s, A, path) for path in paths])
    p = np.exp(values - values.max())
    return dict(zip(paths, p / p.sum(), strict=True))


def sentences(values):
    """Where the sentences of a batch lie: (start, end)."""
    starts = [k for k, begins in enumerate(values["first"]) if begins]
    return list(itertools.pairwise([*starts, len(values["first"])]))


def loss(network, params, values):
    """J of a batch: the mean over its windows and ½ λ Σ ‖W‖²."""
    count = len(values["y"])
    if network.architecture.objective == "sentence":
        s = np.array([scores(network, params, one(values, k)) for k in range(count)])
        parts = []
        for start, end in sentences(values):
            path = tuple(values["y"][start:end].tolist())
            parts.append(-np.log(all_paths(s[start:end], params["A"])[path]))
    else:
        parts = [asked(network, params, values, k) for k in range(count)]
    held = sum((params[n] ** 2).sum() for n in ("W", "W_2", "U") if n in params)
    return sum(parts) / count + 0.5 * network.architecture.l2 * held
