"""Linear CKA: how alike two embeddings of the same clips are, whatever their rotation, reflection and scale.

Of embeddings x (items, dim_x) and y (items, dim_y), CKA = HSIC(x, y) / sqrt(HSIC(x, x) HSIC(y, y)) with linear kernels
K = x x' and L = y y' (Kornblith et al. 2019, "Similarity of Neural Network Representations Revisited"). It has two
forms, which differ in their estimate of HSIC from n items:

- biased: HSIC_0 = tr(K H L H) / (n - 1)^2, where H centers (Gretton et al. 2005). Of few items in many dimensions it
  is far above 0 even if x and y have nothing to do with one another.
- debiased: HSIC_1 = [tr(K~ L~) + 1'K~1 1'L~1 / ((n - 1) (n - 2)) - 2 / (n - 2) 1'K~ L~1] / (n (n - 3)), where K~ and
  L~ are K and L with a diagonal of 0 (Song et al. 2012, "Feature Selection via Dependence Maximization"). HSIC_1 is
  unbiased, so that CKA of unrelated embeddings is near 0, and can be below. Nguyen et al. 2021, "Do Wide and Deep
  Networks Learn the Same Things?", use it, and average it over batches before they take the ratio.

Centering features changes neither. Then K1 = L1 = 0, and with c = tr(K L) and the squared norms a and b of the items,
HSIC_1 = [c - n / (n - 2) a'b + 1'a 1'b / ((n - 1) (n - 2))] / (n (n - 3)). c is the squared Frobenius norm of x'y, of
shape (dim_x, dim_y), or the sum of the products of K and L, of shape (n, n): the smaller is computed.

The null: if the items of y are shuffled, x and y are unrelated. Whole units are shuffled (a group of clips such as a
speaker, else a clip), because clips of one unit are not independent. p = (r + 1) / (permutations + 1), where r shuffles
have a debiased CKA at least as large (Phipson & Smyth 2010). It is exact if all units have as many clips, and
approximate otherwise.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from downstream.disk.memory import check_memory
from downstream.progress import Track, silent

FEWEST = 4
"""Items that HSIC_1 needs."""
CONSTANT = 1e-7
"""Features that vary by no more than this share of their size are rounding errors of float32."""
SINGULAR = 1e-12
"""Share of tr(K K) below which HSIC_1(x, x) is rounding errors alone."""
SAME = 1e-10
"""Values of CKA that are no farther apart are equal."""
BLOCK = 4096  # items that are centered at once
ROWS = 16  # of shuffled matrices at once, which stay in the processor's cache


@dataclass(frozen=True)
class Similarity:
    """How alike two embeddings are.

    Attributes:
        a, b: the places of the embeddings in their list.
        cka, biased_cka: both forms of CKA; NaN where there is a reason.
        null, biased_null: their means over shuffles.
        p: of the debiased form; NaN without shuffles, or with fewer than two units.
        reason: why there is no value; else "".
    """

    a: int
    b: int
    cka: float
    biased_cka: float
    null: float = math.nan
    biased_null: float = math.nan
    p: float = math.nan
    reason: str = ""


def linear_cka(x: np.ndarray, y: np.ndarray, *, debiased: bool = True) -> float:
    """Compute linear CKA of two embeddings of the same items; NaN where one of them has no kernel (`why_singular`).

    Args:
        x, y: (items, dim) each, also memory-mapped: they are centered in blocks, in float64.
        debiased: whether HSIC is estimated without bias.
    """
    form = 0 if debiased else 1
    if why_singular(x, debiased=debiased) or why_singular(y, debiased=debiased):
        return math.nan
    xy, xx, yy = (_hsic(*pair)[form] for pair in ((x, y), (x, x), (y, y)))
    return float(xy / math.sqrt(xx * yy))


def why_singular(x: np.ndarray, *, debiased: bool = True) -> str:
    """Say why there is no CKA of an embedding; "" where there is.

    Args:
        x: (items, dim).
        debiased: whether of the debiased form.
    """
    if len(x) < (FEWEST if debiased else 2):
        return f"{len(x)} clips, at least {FEWEST if debiased else 2} are needed"
    spread, size = _norms(x).sum(), sum(float(np.square(rows).sum()) for rows in _blocks(x))
    if spread <= CONSTANT**2 * size:
        return "a singular kernel: the embedding is the same for all clips"
    if debiased and _hsic(x, x)[0] * len(x) * (len(x) - 3) <= SINGULAR * _cross(x, x):
        return "a singular kernel: without its diagonal nothing is left of it"
    return ""


def similarities(
    embeddings: Sequence[np.ndarray],
    units: np.ndarray,
    *,
    permutations: int = 199,
    seed: int = 0,
    track: Track = silent,
) -> list[Similarity]:
    """Compare all pairs of embeddings of the same clips.

    Args:
        embeddings: (draws, clips, dim) each. A draw has one row of each clip, such as one timestamp; HSIC is averaged
            over draws, so that rows of one clip are never paired.
        units: (clips,) the number of the unit that each clip belongs to.
        permutations: how many shuffles the null has; 0 for none. They take matrices of (clips, clips).
        seed: of these.

    Returns:
        One value a pair (a, b), a < b, in the order of the embeddings.

    Raises:
        ValueError: the matrices of the null do not fit the memory.
    """
    reasons = [_first_reason(embedding) for embedding in embeddings]
    sound = [place for place, reason in enumerate(reasons) if not reason]
    order = np.argsort(units, kind="stable")
    sorted_embeddings = [embeddings[place][:, order] for place in sound]
    values = _observed(sorted_embeddings, track)
    null = np.zeros((0, 2, len(sound), len(sound)))
    if permutations and len(sound) > 1 and len(np.unique(units)) > 1:
        null = _null(sorted_embeddings, shuffles(units[order], permutations, seed), values, track)
    ratios = values / _scale(values)
    found = []
    for a, b in itertools.combinations(range(len(embeddings)), 2):
        if reason := reasons[a] or reasons[b]:
            found.append(Similarity(a, b, math.nan, math.nan, reason=reason))
            continue
        i, j = sound.index(a), sound.index(b)
        cka, biased = map(float, ratios[:, i, j])
        if not len(null):
            found.append(Similarity(a, b, cka, biased))
            continue
        means = null[:, :, i, j].mean(axis=0)
        reached = 1 + int((null[:, 0, i, j] >= cka - SAME).sum())
        found.append(Similarity(a, b, cka, biased, float(means[0]), float(means[1]), reached / (len(null) + 1)))
    return found


def shuffles(units: np.ndarray, permutations: int, seed: int) -> np.ndarray:
    """Draw orders of clips in which whole units are shuffled: (permutations, clips), places in the order of units.

    Args:
        units: (clips,) sorted: clips of one unit stand together.
    """
    members = np.split(np.arange(len(units)), np.flatnonzero(np.diff(units)) + 1)
    stream = np.random.default_rng(seed)
    return np.array([np.concatenate([members[unit] for unit in stream.permutation(len(members))])
                     for _ in range(permutations)])  # fmt: skip


def _first_reason(embedding: np.ndarray) -> str:
    return next((reason for draw in embedding if (reason := why_singular(draw))), "")


def _observed(embeddings: Sequence[np.ndarray], track: Track) -> np.ndarray:
    """Both forms of HSIC of all pairs, means over draws: (2, embeddings, embeddings)."""
    values = np.zeros((2, len(embeddings), len(embeddings)))
    with track("CKA", len(embeddings)) as advance:
        for i, x in enumerate(embeddings):
            for j, y in enumerate(embeddings[: i + 1]):
                pair = np.mean([_hsic(of_x, of_y) for of_x, of_y in zip(x, y, strict=True)], axis=0)
                values[:, i, j] = values[:, j, i] = pair
            advance(1)
    return values


def _null(embeddings: Sequence[np.ndarray], orders: np.ndarray, own: np.ndarray, track: Track) -> np.ndarray:
    """Both forms of CKA of all pairs under shuffles of the second embedding: (shuffles, 2, embeddings, embeddings).

    Args:
        orders: (shuffles, clips), the same in all draws.
        own: (2, embeddings, embeddings), HSIC without a shuffle.
    """
    draws, clips, count = len(embeddings[0]), orders.shape[1], len(embeddings)
    check_memory(f"kernels of {count} embeddings on {clips} clips", 8 * count * clips * (clips + 2 * ROWS))
    hsic = np.zeros((len(orders), 2, count, count))
    with track("CKA of shuffled clips", draws * len(orders)) as advance:
        for draw in range(draws):
            kernels = np.stack([_gram(embedding[draw]) for embedding in embeddings])  # (embeddings, clips, clips)
            norms = np.diagonal(kernels, axis1=1, axis2=2)
            sums = norms.sum(axis=1)
            for place, order in enumerate(orders):
                cross = np.zeros((count, count))
                for start in range(0, clips, ROWS):
                    rows = kernels[:, start : start + ROWS].reshape(count, -1)
                    shuffled = np.take(kernels[:, order[start : start + ROWS]], order, axis=2).reshape(count, -1)
                    cross += rows @ shuffled.T
                hsic[place] += _forms(cross, norms @ norms[:, order].T, np.outer(sums, sums), clips) / draws
                advance(1)
    ratios: np.ndarray = hsic / _scale(own)
    return ratios


def _scale(hsic: np.ndarray) -> np.ndarray:
    """What HSIC is divided by: (2, embeddings, embeddings) of (2, embeddings, embeddings)."""
    own = np.sqrt(np.diagonal(hsic, axis1=1, axis2=2))
    scale: np.ndarray = own[:, :, None] * own[:, None, :]
    return scale


def _hsic(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """HSIC_1 and HSIC_0 of two embeddings: (2,)."""
    a, b = _norms(x), _norms(y)
    return _forms(_cross(x, y), a @ b, a.sum() * b.sum(), len(x))


def _forms(cross: np.ndarray | float, products: np.ndarray | float, sums: np.ndarray | float, n: int) -> np.ndarray:
    """HSIC_1 and HSIC_0 of c = tr(K L), a'b and 1'a 1'b, which may be those of many pairs: (2, ...)."""
    if n < FEWEST:
        return np.stack([cross * np.nan, cross / (n - 1) ** 2])
    debiased = (cross - n / (n - 2) * products + sums / ((n - 1) * (n - 2))) / (n * (n - 3))
    return np.stack([debiased, cross / (n - 1) ** 2])


def _cross(x: np.ndarray, y: np.ndarray) -> float:
    """tr(K L) of centered features, by the smaller of the matrices (items, items) and (dim_x, dim_y)."""
    if len(x) ** 2 <= x.shape[1] * y.shape[1]:
        return float(np.vdot(_gram(x), _gram(y)))
    product = np.zeros((x.shape[1], y.shape[1]))
    for of_x, of_y in zip(_centered(x), _centered(y), strict=True):
        product += of_x.T @ of_y
    return float(np.vdot(product, product))


def _gram(x: np.ndarray) -> np.ndarray:
    """K of centered features: (items, items)."""
    rows = np.concatenate(list(_centered(x)))
    kernel: np.ndarray = rows @ rows.T
    return kernel


def _norms(x: np.ndarray) -> np.ndarray:
    """The squared norm of each centered item: (items,)."""
    return np.concatenate([np.square(rows).sum(axis=1) for rows in _centered(x)])


def _centered(x: np.ndarray) -> Iterator[np.ndarray]:
    mean = sum(rows.sum(axis=0) for rows in _blocks(x)) / len(x)
    return (rows - mean for rows in _blocks(x))


def _blocks(x: np.ndarray) -> Iterator[np.ndarray]:
    """Items in float64, block by block."""
    return (np.asarray(x[start : start + BLOCK], np.float64) for start in range(0, len(x), BLOCK))
