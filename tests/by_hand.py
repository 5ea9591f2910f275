"""Gradients of the shared formulas written by hand, and what goes wrong when people write them."""

import re

GRADIENTS = {
    "mc071": "outer(b, a)",
    "affine_x": "A.T @ c",
    "mahal_M": "outer(x - y, x - y)",
    "markowitz": "mu - g*S @ w",
    "lqr": "2*R @ u + 2*B.T @ P @ (A @ x + B @ u)",
    "mco1": "0.5*(A + A.T) @ x",
    "mc082": "D.T @ X @ outer(b, c) + D @ X @ outer(c, b)",
    "axxb": "a*(x.T @ b) + b*(a.T @ x)",
    "hopfield": "-W @ x - b",
    "rayleigh": "rho = (x.T @ A @ x)/(x.T @ x); {}2/(x.T @ x)*(A @ x - rho*x)",
    "mc107": "(X @ B + B @ X).T",
    "mc109": "(B + B.T) @ X",
    "laplacian": "2*L @ X",
    "mc106": "2*X.T",
    "mc112": "X @ (B + B.T)",
    "mc118": "A.T @ C.T @ X @ B.T + C @ A @ X @ B",
    "mc122": "(A @ X @ X + X @ A @ X + X @ X @ A).T",
    "kalman": "-2*(eye(n) - K @ H) @ P @ H.T + 2*K @ R",
    "invXtX": "M = inv(X.T @ X); {}-2*X @ M @ M",
    "mc052": "2*det(X.T @ A @ X)*inv(X).T",
    "mc055": "2*X @ inv(X.T @ X)",
    "stein": "inv(A).T - inv(X).T",
    "mc061": "-outer(inv(X).T @ a, inv(X) @ b)",
    "frob_AXB": "2*A.T @ (A @ X - B)",
    "norm2sq_A": "2*outer(A @ x - y, x)",
    "norm2sq_affine": "2*A.T @ (A @ x - y)",
    "chain_mats": "2*outer(B.T @ A.T @ (A @ B @ X @ C @ x), C @ x)",
    "norm_affine": "A.T @ (A @ x - b)/norm2(A @ x - b)",
    "cse_two": "h = tanh(W @ x); {}W.T @ ((1 - h**2)*sum(W @ x) + sum(h))",
    "hadamard_tr": "2*A*X",
    "pseudo_huber": "r = A @ x - b; {}A.T @ (r/sqrt(1 + r**2))",
    "mco_sin": "cos(x)*y",
    "grad_lse_affine": "A.T @ softmax(A @ x + b)",
    "modern_hopfield": "q - X.T @ softmax(X @ q)",
    "smreg_mean": "sum(softmax(X @ W + b) - Y, axis=0)/N",
    "dpo": "-beta*sigmoid(-beta*(w.T @ (x - y)))*(x - y)",
    "nn_tanh_u": "tanh(W @ x + b)",
    "batch_b": "H = tanh(X @ W + b); {}sum(G*(1 - H**2), axis=0)",
    "nn_relu_x": "W.T @ (u*(W @ x + b > 0))",
    "resid_x": "h = tanh(W @ x); {}u + W.T @ (u*(1 - h**2))",
    "batch_X": "H = tanh(X @ W + b); {}(G*(1 - H**2)) @ W.T",
    "a1_x": "h = sigmoid(W1 @ x + b1); d1 = softmax(W2 @ h + b2) - y; {}W1.T @ ((W2.T @ d1)*h*(1 - h))",
    "nn2_b2": "h1 = tanh(W1 @ x + b1); h2 = tanh(W2 @ h1 + b2); {}u*(1 - h2**2)",
    "gate_B": "g = sigmoid(A @ x); c = tanh(B @ x); {}outer(u*g*(1 - c**2), x)",
    "neg_K": "outer(sigmoid(K @ v), v)",
    "nn_sig_W": "h = sigmoid(W @ x + b); {}outer(u*h*(1 - h), x)",
    "ce_relu_x": "d = softmax(U @ relu(W @ x + b1) + b2) - y; {}W.T @ ((U.T @ d)*(W @ x + b1 > 0))",
    "rbm_W": "-outer(sigmoid(c + W @ v), v)",
    "a1_W2": "h = sigmoid(W1 @ x + b1); {}outer(softmax(W2 @ h + b2) - y, h)",
    "ols_y": "y - X @ w",
    "ols_X": "outer(X @ w - y, w)",
    "mse": "2/N*X.T @ (X @ w - y)",
    "wls": "-2*X.T @ (s*(y - X @ w))",
    "sqhinge": "-2*X.T @ (y*relu(1 - y*(X @ w)))",
    "svm": "w - C*X.T @ (y*(y*(X @ w) < 1))",
    "gp_K": "a = inv(K) @ y; {}0.5*(outer(a, a) - inv(K))",
    "gauss_S": "a = inv(S) @ (x - mu); {}-0.5*inv(S) + 0.5*outer(a, a)",
    "gl": "C - inv(P)",
    "gauss_L": "0.5*inv(P) - 0.5*outer(x - mu, x - mu)",
    "mf_reg": "(U @ V.T - M) @ V + lam*U",
    "pca_rec": "R = X - X @ W @ W.T; {}-2*(X.T @ R + R.T @ X) @ W",
    "lora_B": "((W + B @ A) @ X - Y) @ X.T @ A.T",
    "mf_V": "-2*(M - U @ V.T).T @ U",
    "bilinear_W": "outer(q, k0)",
    "att1_q": "p = softmax(K @ x); g = V @ u; {}K.T @ (p*(g - p.T @ g))",
    "score_K": "G.T @ Q/sqrt(d)",
    "addatt_W1": "h0 = tanh(W1 @ h + W2 @ s); {}outer(v*(1 - h0**2), h)",
    "wn_v": "r = norm2(v); {}g/r*(x - (x.T @ v)*v/r**2)",
}
"""Entry of the shared formulas → its gradient, with lines of its own before the mark {}."""

FACTS = {"sym": "symmetric", "spd": "positive definite", "simplex": "sums to one", "onehot": "one-hot"}
FACTS |= {"rows_onehot": "rows sum to one", "pos": "positive"}

BREAKS = {
    "a transpose forgotten": (r"(\b[A-Z]\w*)\.T", r"\1"),
    "a transpose put in": (r"(?<!\w)([A-Z]\d?)(?=[ ,)]|$)(?! ?\()", r"\1.T"),
    "an inverse's transpose forgotten": (r"(inv\([^()]*\))\.T", r"\1"),
    "an inverse forgotten": (r"inv\((\w+)\)", r"\1"),
    "⊙ for a product": (r" @ ", r" * "),
    "a product for ⊙": (r"(?<=[\w)])\*(?=[\w(])(?!\*)", r" @ "),
    "an outer product turned round": (
        r"outer\(([^(),]*(?:\([^()]*\)[^(),]*)*), ([^(),]*(?:\([^()]*\)[^(),]*)*)\)",
        r"outer(\2, \1)",
    ),
    "⊙ for an outer product": (
        r"outer\(([^(),]*(?:\([^()]*\)[^(),]*)*), ([^(),]*(?:\([^()]*\)[^(),]*)*)\)",
        r"(\1)*(\2)",
    ),
    "minus for plus": (r" \+ ", r" - "),
    "plus for minus": (r" - ", r" + "),
    "the first sign forgotten": (r"^-", r""),
    "the first sign put in": (r"^(?=[\w(])", r"-"),
    "a 2 forgotten": (r"(?<![\w.])2\*", r""),
    "a ½ forgotten": (r"0\.5\*", r""),
    "a 2 too many": (r"^(?=\w)", r"2*"),
    "1/N forgotten": (r"/N", r""),
    "a sum over the batch forgotten": (r"^sum\((.*), axis=0\)", r"\1"),
    "a sum over the wrong axis": (r"axis=0", r"axis=1"),
    "a mean for a sum": (r"^sum\(", r"mean("),
    "a last term forgotten": (r" [+-] [^+()-]*$", r""),
    "a first term forgotten": (r"^[^+()-]* \+ ", r""),
    "1 − h for 1 − h²": (r"\((1 - \w+)\*\*2\)", r"(\1)"),
    "σ for σ(1 − σ)": (r"\*\(1 - (\w+)\)", r""),
    "1 − h² for h (1 − h)": (r"\w+\*\(1 - (h)\)", r"(1 - \1**2)"),
    "the derivative forgotten": (r"\*\(1 - \w+\*\*2\)", r""),
    "the derivative of relu forgotten": (r"\*\([^()]*> 0\)", r""),
    "relu for its derivative": (r"\(([^()]*) > 0\)", r"relu(\1)"),
    "a square forgotten": (r"\*\*2", r""),
    "a factor forgotten": (r"(?<![\w*.)])[a-z]\w?\*(?!\*)", r""),
}
"""A mistake → a pattern in the text of a right gradient, and what stands there instead."""


def broken(text):
    """Every way in which one of the mistakes is made at one place of a gradient: the mistake, and the wrong text."""
    lines, mark, last = text.rpartition("{}")
    for mistake, (pattern, instead) in BREAKS.items():
        for found in re.finditer(pattern, last):
            wrong = last[: found.start()] + found.expand(instead) + last[found.end() :]
            yield mistake, lines + mark + wrong


def labelled(text, name):
    """The text of a claim for the gradient of a variable."""
    return text.replace("{}", f"{name}: ") if "{}" in text else f"{name}: {text}"
