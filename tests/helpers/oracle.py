"""Independent answers: 50-digit arithmetic and naive loops, sharing no code with the library."""

from __future__ import annotations

from itertools import permutations

import mpmath
import numpy as np
import scipy.linalg
from scipy.optimize import linprog
from scipy.spatial.distance import cdist, cosine, pdist, squareform
from scipy.stats import kendalltau, pearsonr, spearmanr


def exact_correlations(x, y):
    """Canonical correlations of two full-rank float64 arrays in 50-digit arithmetic."""
    with mpmath.workdps(50):
        x, y = _centred(x), _centred(y)
        x_root = mpmath.inverse(mpmath.cholesky(x.T * x))
        y_root = mpmath.inverse(mpmath.cholesky(y.T * y))
        return np.array(
            [float(s) for s in mpmath.svd_r(x_root * (x.T * y) * y_root.T, compute_uv=False)]
        )


def _centred(x):
    matrix = mpmath.matrix(x.tolist())
    for j in range(matrix.cols):
        mean = mpmath.fsum(matrix[i, j] for i in range(matrix.rows)) / matrix.rows
        for i in range(matrix.rows):
            matrix[i, j] -= mean
    return matrix


def naive_cca(x, y):
    """Correlations and x's variates by QR of the centred data (Bjorck and Golub 1973)."""
    qx = np.linalg.qr(x - x.mean(axis=0))[0]
    qy = np.linalg.qr(y - y.mean(axis=0))[0]
    u, rho, _ = np.linalg.svd(qx.T @ qy, full_matrices=False)
    return rho, qx @ u


def naive_pwcca(x, y):
    """Weigh correlations as the paper's text says, one inner product at a time."""
    rho, variates = naive_cca(x, y)
    x = x - x.mean(axis=0)
    alpha = []
    for h in variates.T:
        total = 0.0
        for z in x.T:
            total += abs(sum(a * b for a, b in zip(h, z, strict=True)))
        alpha.append(total)
    return sum(a * r for a, r in zip(alpha, rho, strict=True)) / sum(alpha)


def naive_cka(x, y):
    """Alignment of the two n x n Gram matrices (Kornblith et al. 2019, equation 3)."""
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    k, l = x @ x.T, y @ y.T  # noqa: E741
    return np.sum(k * l) / np.sqrt(np.sum(k * k) * np.sum(l * l))


def naive_procrustes(x, y):
    """Cosine of the residual after the best rotation, found explicitly."""
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    width = max(x.shape[1], y.shape[1])
    x, y = (np.pad(z, ((0, 0), (0, width - z.shape[1]))) for z in (x, y))
    x, y = x / np.linalg.norm(x), y / np.linalg.norm(y)
    u, _, vt = np.linalg.svd(x.T @ y)
    return 1 - np.linalg.norm(x @ (u @ vt) - y) ** 2 / 2


def naive_svcca(x, y, variance):
    """Principal components by numpy.linalg.svd, cut by their share of variance; then CCA."""
    kept = []
    for z in (x, y):
        u, s, _ = np.linalg.svd(z - z.mean(axis=0), full_matrices=False)
        share = np.cumsum(s**2) / np.sum(s**2)
        kept.append(u[:, : int(np.argmax(share >= variance)) + 1])
    return np.linalg.svd(kept[0].T @ kept[1], compute_uv=False).mean()


def naive_cca_squared(x, y):
    """R^2_CCA from projectors onto the two column spaces, pseudo-inverses and all."""
    p, q = (_projector(z) for z in (x, y))
    return np.trace(p @ q) / min(round(np.trace(p)), round(np.trace(q)))


def naive_eigenspace_overlap(x, y):
    """Share of the larger column space, from projectors."""
    p, q = (_projector(z) for z in (x, y))
    return np.trace(p @ q) / max(round(np.trace(p)), round(np.trace(q)))


def _projector(x):
    x = x - x.mean(axis=0)
    return x @ np.linalg.pinv(x, rcond=1e-10)


def naive_svcca_squared(x, y, variance):
    """Principal components by an eigendecomposition of the covariance; then squared overlaps."""
    kept = []
    for z in (x, y):
        variances, axes = np.linalg.eigh(np.cov(z.T))
        share = np.cumsum(variances[::-1]) / variances.sum()
        k = int(np.argmax(share >= variance)) + 1
        scores = (z - z.mean(axis=0)) @ axes[:, ::-1][:, :k]
        kept.append(scores / np.linalg.norm(scores, axis=0))
    return np.sum((kept[0].T @ kept[1]) ** 2) / min(z.shape[1] for z in kept)


def penalised_correlations(x, y, x_penalty, y_penalty):
    """Eigenvalues of Vinod's generalised problem, penalties in units of the mean variance."""
    a, b = x.shape[1], y.shape[1]
    covariance = np.cov(np.hstack([x, y]).T)
    xx, yy = covariance[:a, :a], covariance[a:, a:]
    left, right = np.zeros_like(covariance), np.zeros_like(covariance)
    left[:a, a:], left[a:, :a] = covariance[:a, a:], covariance[a:, :a]
    for block, at, penalty in ((xx, slice(a), x_penalty), (yy, slice(a, None), y_penalty)):
        mean_variance = np.trace(block) / np.linalg.matrix_rank(block, tol=1e-10 * np.trace(block))
        right[at, at] = block + penalty * mean_variance * np.eye(len(block))
    return scipy.linalg.eigh(left, right, eigvals_only=True)[::-1][: min(a, b)]


def naive_ridge_cca(x, y, x_penalty=1.0, y_penalty=1.0):
    """Penalised correlations over those of two sides with the same spectra that agree."""
    allowed = 0.0
    spectra = [np.linalg.eigvalsh(np.cov(z.T))[::-1] for z in (x, y)]
    spectra = [s[s > 1e-10 * s[0]] for s in spectra]
    for u, v in zip(*spectra, strict=False):
        u_share = u / (u + x_penalty * spectra[0].mean())
        v_share = v / (v + y_penalty * spectra[1].mean())
        allowed += (u_share * v_share) ** 0.5
    return penalised_correlations(x, y, x_penalty, y_penalty).sum() / allowed


def naive_linear_regression(x, y):
    """R^2 of an ordinary least-squares fit with an intercept."""
    design = np.column_stack([np.ones(len(x)), x])
    residuals = y - design @ np.linalg.lstsq(design, y, rcond=1e-10)[0]
    return 1 - np.sum(residuals**2) / np.sum((y - y.mean(axis=0)) ** 2)


def naive_ridge_regression(x, y, penalties=None, score="pearson"):
    """Median held-out correlation of scikit-learn's Ridge, the penalty chosen by nested loops."""
    from sklearn.linear_model import Ridge

    def predict(x, y, held_out, penalty):
        spectrum = np.linalg.svd(x - x.mean(axis=0), compute_uv=False)
        squares = spectrum[spectrum > 1e-7 * spectrum[0]] ** 2
        ridge = Ridge(penalty * squares.mean(), solver="svd")
        return ridge.fit(x, y).predict(held_out).reshape(len(held_out), -1)

    grid = [*(10.0**k for k in range(4, -6, -1)), 0.0] if penalties is None else penalties
    return np.median(naive_encoding(x, y, predict, grid, score).mean(axis=0))


def naive_pls_regression(x, y, numbers=None, score="pearson"):
    """Median held-out correlation of scikit-learn's PLS, the components chosen by nested loops."""
    from sklearn.cross_decomposition import PLSRegression

    def predict(x, y, held_out, number):
        pls = PLSRegression(number, scale=False, max_iter=100_000, tol=1e-26)
        return pls.fit(x, y).predict(held_out).reshape(len(held_out), -1)

    rank = np.linalg.matrix_rank(x - x.mean(axis=0))
    grid = range(1, min(25, rank) + 1) if numbers is None else numbers
    return np.median(naive_encoding(x, y, predict, grid, score).mean(axis=0))


def naive_encoding(x, y, predict, strengths, score="pearson", folds=5, seed=0, groups=None):
    """Score of each neuron in each fold, one neuron at a time."""
    values = []
    for fitted, held_out in _folds(np.arange(len(x)), folds, seed, groups):
        best, least = None, np.inf
        for strength in strengths:
            error = 0.0
            for inner, rest in _folds(fitted, folds, seed, groups):
                guess = predict(x[inner], y[inner], x[rest], strength)
                for j in range(y.shape[1]):
                    variance = np.sum((y[fitted, j] - y[fitted, j].mean()) ** 2)
                    error += np.sum((guess[:, j] - y[rest, j]) ** 2) / variance
            if error < least * (1 - 1e-9):
                best, least = strength, error
        guess, true = predict(x[fitted], y[fitted], x[held_out], best), y[held_out]
        if score == "pearson":
            values.append([pearsonr(*pair).statistic for pair in zip(guess.T, true.T, strict=True)])
        else:
            errors = np.sum((guess - true) ** 2, axis=0)
            values.append(1 - errors / np.sum((true - true.mean(axis=0)) ** 2, axis=0))
    return np.array(values)


def _folds(rows, folds, seed, groups):
    """Yield fitted and held-out rows; groups, numbered in the order of first rows, share a fold."""
    units = rows if groups is None else groups[rows]
    _, first, unit = np.unique(units, return_index=True, return_inverse=True)
    unit = np.argsort(np.argsort(first))[unit]
    fold = np.arange(len(first)) % min(folds, len(first))
    np.random.default_rng(seed).shuffle(fold)
    for held_out in range(min(folds, len(first))):
        yield rows[fold[unit] != held_out], rows[fold[unit] == held_out]


def naive_crossnobis(x, y, conditions, repeats):
    """Cosine of the centred inner products of cross-validated Euclidean distances, by loops."""
    sides = []
    for z in (x, y):
        c = len(set(conditions))
        distances = np.zeros((c, c))
        for i in range(c):
            for j in range(c):
                products = []
                for r in set(repeats):
                    for s in set(repeats) - {r}:
                        one, other = (
                            z[(conditions == i) & (repeats == t)][0]
                            - z[(conditions == j) & (repeats == t)][0]
                            for t in (r, s)
                        )
                        products.append(one @ other)
                distances[i, j] = np.mean(products)
        centring = np.eye(c) - 1 / c
        sides.append(-centring @ distances @ centring / 2)
    return np.sum(sides[0] * sides[1]) / np.linalg.norm(sides[0]) / np.linalg.norm(sides[1])


def naive_cka_debiased(x, y):
    """Cosine of the two U-centred n x n matrices (Szekely and Rizzo 2014)."""
    one, other = (_u_centred(z @ z.T) for z in (x, y))
    return np.sum(one * other) / (np.sum(one**2) * np.sum(other**2)) ** 0.5


def _u_centred(k):
    n = len(k)
    k = k - np.diag(np.diag(k))
    rows, total = k.sum(axis=1), k.sum()
    found = k - (rows[:, None] + rows) / (n - 2) + total / ((n - 1) * (n - 2))
    return found - np.diag(np.diag(found))


def naive_shape(x, y, alpha=0.5):
    """Whiten in part by a matrix root of the covariance; then Procrustes, explicitly."""
    return naive_procrustes(*(_partly_white(z, alpha) for z in (x, y)))


def _partly_white(x, alpha):
    x = x - x.mean(axis=0)
    variances, axes = np.linalg.eigh(x.T @ x)
    kept = variances > 1e-10 * variances[-1]
    variances, axes = variances[kept] / variances[kept].mean(), axes[:, kept]
    root = (axes / variances**0.5) @ axes.T
    return x @ (alpha * np.eye(x.shape[1]) + (1 - alpha) * root)


def naive_gulp(x, y, penalty=1e-2):
    """Distance of the n x n matrices that turn targets into ridge regressions' predictions."""
    hats = []
    for z in (x, y):
        z = z - z.mean(axis=0)
        z = z / np.sqrt(np.mean(np.sum(z**2, axis=1)))
        covariance = z.T @ z / len(z)
        hats.append(z @ np.linalg.inv(covariance + penalty * np.eye(z.shape[1])) @ z.T / len(z))
    return 1 / (1 + np.linalg.norm(hats[0] - hats[1]))


def naive_dft_cca(x, y):
    """Complex QR and SVD at every frequency, none spared; sizes must be the same."""
    x, y = (np.fft.fft2(z - z.mean(axis=0)) for z in (x, y))
    means = []
    for u, v in np.ndindex(x.shape[2:]):
        qx, qy = (np.linalg.qr(z[:, :, u, v])[0] for z in (x, y))
        means.append(np.linalg.svd(qx.conj().T @ qy, compute_uv=False).mean())
    return np.mean(means)


def naive_cosine(x, y):
    """Cosine of the two matrices, one product at a time."""
    xy, xx, yy = (
        sum(a * b for u, v in zip(one, other, strict=True) for a, b in zip(u, v, strict=True))
        for one, other in ((x, y), (x, x), (y, y))
    )
    return xy / (xx * yy) ** 0.5


def naive_euclidean(x, y):
    """Similarity for the root of the sum of squared differences, one at a time."""
    squares = ((a - b) ** 2 for u, v in zip(x, y, strict=True) for a, b in zip(u, v, strict=True))
    return 1 / (1 + sum(squares) ** 0.5)


def naive_hsic(x, y):
    """Biased HSIC by the centring matrix, and the unbiased one by the sum over quadruples."""
    n = len(x)
    h = np.eye(n) - 1 / n
    biased = np.trace(x @ h @ y @ h) / (n - 1) ** 2
    x, y = x - np.diag(np.diag(x)), y - np.diag(np.diag(y))
    one = np.ones(n)
    pairs = np.trace(x @ y)
    fours = (one @ x @ one) * (one @ y @ one) / ((n - 1) * (n - 2))
    threes = 2 / (n - 2) * (one @ x @ y @ one)
    return biased, (pairs + fours - threes) / (n * (n - 3))


def naive_cka_rbf(x, y, bandwidth=1.0, debiased=False):
    """RBF CKA from SciPy's distances and whole Gram matrices."""

    def gram(z):
        d = squareform(pdist(z))
        sigma = bandwidth * np.median(d[np.triu_indices(len(z), 1)])
        return np.exp(-(d**2) / (2 * sigma**2))

    k, l = gram(x), gram(y)  # noqa: E741
    xy, xx, yy = (naive_hsic(*pair)[debiased] for pair in ((k, l), (k, k), (l, l)))
    return xy / np.sqrt(xx * yy)


def naive_distance_correlation(x, y):
    """Centre distances one at a time (Szekely, Rizzo and Bakirov 2007, equations 2.8 to 2.10)."""

    def centred(z):
        n = len(z)
        d = np.array([np.sqrt(((z - u) ** 2).sum(axis=1)) for u in z])
        rows = [sum(row) / n for row in d]
        grand = sum(rows) / n
        return np.array([[d[i, j] - rows[i] - rows[j] + grand for j in range(n)] for i in range(n)])

    a, b = centred(x), centred(y)
    xy, xx, yy = (np.mean(pair) for pair in (a * b, a * a, b * b))
    return np.sqrt(xy / np.sqrt(xx * yy))


def naive_rsa(x, y, dissimilarity="correlation", comparison="spearman"):
    """Compare what SciPy's pdist gives by what scipy.stats gives."""
    name = {"squared_euclidean": "sqeuclidean"}.get(dissimilarity, dissimilarity)
    a, b = (pdist(z, name) for z in (x, y))
    if comparison == "cosine":
        return 1 - cosine(a, b)
    function = {"spearman": spearmanr, "pearson": pearsonr, "kendall": kendalltau}[comparison]
    return function(a, b).statistic


def naive_neighbours(x, k, metric="cosine"):
    """Order all the others of each sample, rounded so that ties are ties, by index where tied."""
    d = np.round(cdist(x, x, metric), 11)
    return [
        sorted(set(range(len(x))) - {i}, key=lambda j: (row[j], j))[:k]
        for i, row in enumerate(d.tolist())
    ]


def naive_knn(x, y, k=10, metric="cosine"):
    """Shared neighbours over k, their Jaccard similarity, and their rank similarity."""
    found = []
    for a, b in zip(*(naive_neighbours(z, k, metric) for z in (x, y)), strict=True):
        both = set(a) & set(b)
        ranks = [(a.index(j) + 1, b.index(j) + 1) for j in both]
        score = sum(2 / ((1 + abs(r - s)) * (r + s)) for r, s in ranks)
        most = sum(1 / r for r in range(1, len(both) + 1))
        found.append((len(both) / k, len(both) / len(set(a) | set(b)), score / most if both else 0))
    return np.mean(found, axis=0)


def naive_second_order_cosine(x, y, k=10):
    """Cosine of cosines with the neighbours of either side, one sample at a time."""
    near = [naive_neighbours(z, k) for z in (x, y)]
    found = []
    for i, (a, b) in enumerate(zip(*near, strict=True)):
        both = sorted(set(a) | set(b))
        u, v = (np.array([1 - cosine(z[i], z[j]) for j in both]) for z in (x, y))
        found.append(u @ v / np.sqrt((u @ u) * (v @ v)))
    return np.mean(found)


def naive_correlations(x, y):
    """Correlations of the neurons that are not constant, by NumPy's corrcoef."""
    x, y = (z[:, np.ptp(z, axis=0) > 0] for z in (x, y))
    return np.corrcoef(x.T, y.T)[: x.shape[1], x.shape[1] :]


def naive_permutation(x, y):
    """Try every matching of the narrower side's neurons."""
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    best = best_matching(x.T @ y)[0]
    return best / (np.linalg.norm(x) * np.linalg.norm(y))


def best_matching(gains):
    """Sum over the best one-to-one matching, and how many are matched, by trying all of them."""
    if gains.shape[0] > gains.shape[1]:
        gains = gains.T
    a, b = gains.shape
    rows = np.arange(a)
    return max(gains[rows, list(columns)].sum() for columns in permutations(range(b), a)), a


def naive_soft_matching(x, y):
    """Solve the transport as a dense linear program, one row of constraints at a time."""
    gains = naive_correlations(x, y)
    a, b = gains.shape
    rows, masses = [], []
    for i in range(a):
        rows.append([1.0 if row == i else 0.0 for row in range(a) for _ in range(b)])
        masses.append(1 / a)
    for j in range(b):
        rows.append([1.0 if column == j else 0.0 for _ in range(a) for column in range(b)])
        masses.append(1 / b)
    return -linprog(-gains.ravel(), A_eq=np.array(rows), b_eq=masses).fun


def naive_hard_correlation(x, y):
    """Mean absolute correlation of the best of all matchings."""
    total, matched = best_matching(np.abs(naive_correlations(x, y)))
    return total / matched


def naive_soft_correlation(x, y):
    """Mean of each neuron's best absolute correlation."""
    return np.mean([max(abs(r) for r in row) for row in naive_correlations(x, y)])


def conditioned_pair(n, a, b, condition, seed):
    """Draw two representations that share half of their directions, with given conditioning."""
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal((n, min(a, b) // 2))

    def side(p):
        z = np.hstack([shared, rng.standard_normal((n, p - shared.shape[1]))])
        z += 0.5 * rng.standard_normal((n, p))
        scales = np.geomspace(1, 1 / condition, p)
        return (z @ rotation(rng, p) * scales) @ rotation(rng, p)

    return side(a), side(b)


def rotation(rng, p):
    """Draw an orthogonal matrix."""
    return np.linalg.qr(rng.standard_normal((p, p)))[0]


def toy(k, seed, n=2000, p=200):
    """Draw the pair of the paper's figure 2: k signal dimensions, the rest noise of sd 0.1."""
    rng = np.random.default_rng(seed)
    signal = rng.standard_normal((n, k))
    noise = 0.1 * rng.standard_normal((2, n, p - k))
    return np.hstack([signal, noise[0]]), np.hstack([signal @ rotation(rng, k), noise[1]])


def two_sharing(k, p, n, seed, q=None, tails="normal"):
    """Draw two representations of p and q dimensions that share k, with correlations near 0.7."""
    rng = np.random.default_rng(seed)
    draw = {
        "normal": rng.standard_normal,
        "heavy": lambda size: rng.standard_t(5, size),
        "discrete": lambda size: rng.integers(0, 2, size) * 2.0 - 1,
    }[tails]
    shared = draw((n, k))
    sides = []
    for width in (p, p if q is None else q):
        own = draw((n, width))
        own[:, :k] = shared + 0.65 * own[:, :k]
        sides.append(own @ rotation(rng, width))
    return sides


def unrelated(n, a, b, seed):
    """Draw two normal representations that share nothing."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, a)), rng.standard_normal((n, b))
