"""Read scores by temperature and alpha out of the results of any search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Surface(NamedTuple):
    """The best score of each pair of temperature and alpha.

    Parameters
    ----------
    temperature, alpha : ndarray of shape (n_pairs,), float64
        Distinct pairs. All settings with ``alpha=0`` are one pair, the student alone,
        for which a temperature has no effect: it comes first, if it was tried.
    score : ndarray of shape (n_pairs,), float64
        Mean score; nan where all fits failed.
    best : int
        The pair to mark.
    remarks : list of str
        What else is to be said of these scores.
    """

    temperature: NDArray[np.float64]
    alpha: NDArray[np.float64]
    score: NDArray[np.float64]
    best: int
    remarks: list[str]


def read_surface(
    cv_results: Mapping[str, Any],
    *,
    metric: str = "score",
    temperature: str | None = None,
    alpha: str | None = None,
    params: Mapping[str, Any] | None = None,
    best_index: int | None = None,
) -> Surface:
    """Bring `cv_results_` down to temperature and alpha.

    Parameters
    ----------
    cv_results : dict of array-like, or frame
        Of a search.
    metric : str, default="score"
        Which of several scores.
    temperature, alpha : str, default=None
        Names of the two parameters. None: they are found.
    params : dict, default=None
        Parameters of the estimator of the search: what holds where they were not
        searched.
    best_index : int, default=None
        Setting that was chosen. None: the one of the best mean score.

    Returns
    -------
    Surface

    Raises
    ------
    ValueError
        If they are not the results of a search over temperature or alpha.
    """
    columns = getattr(cv_results, "columns", cv_results)
    cv_results = {str(key): np.ma.asarray(cv_results[key]) for key in columns}
    names = [key[6:] for key in cv_results if key.startswith("param_")]
    found = find_names(names, temperature, alpha, params)
    values = [_values(cv_results, name, params) for name in found]
    score = _scores(cv_results, metric)
    alone = values[1] == 0
    _check_known(values[0], values[1], found)
    rounds = np.asarray(cv_results.get("iter", np.zeros(len(score))))
    pairs: dict[tuple[float, float], list[int]] = {}
    for k in range(len(score)):
        pair = (0.0, 0.0) if alone[k] else (values[0][k], values[1][k])
        pairs.setdefault(pair, []).append(k)
    order = sorted(pairs)
    shown = [_best_of(pairs[pair], score, rounds) for pair in order]
    if best_index is None:
        last = np.flatnonzero(rounds == rounds.max())
        best_index = last[np.argmax(_finite_or_worst(score[last]))]
    own = (0.0, 0.0) if alone[best_index] else tuple(v[best_index] for v in values)
    return Surface(
        np.where([a == 0 for _, a in order], 1.0, [t for t, _ in order]),
        np.array([a for _, a in order]),
        score[shown],
        order.index(own),
        _remarks(cv_results, [name for name in names if name not in found], rounds),
    )


def find_names(
    names: list[str],
    temperature: str | None,
    alpha: str | None,
    params: Mapping[str, Any] | None,
) -> tuple[str, str]:
    """Find the parameters of the same distiller that are its temperature and alpha.

    Parameters
    ----------
    names : list of str
        Parameters that were searched.
    temperature, alpha : str or None
        As the user named them.
    params : dict or None
        All parameters of the estimator of the search, if these are known.

    Returns
    -------
    temperature, alpha : str
        Of which one at least was searched.
    """
    for word, name in (("temperature", temperature), ("alpha", alpha)):
        if name is not None and name not in names and name not in (params or {}):
            raise ValueError(
                f"{word}={name!r} is no parameter of this search; it searched {names}."
            )
    known = {*names, *(params or {})}
    owners = {
        name[: -len(word)]
        for word in ("temperature", "alpha")
        for name in names
        if name == word or name.endswith(f"__{word}")
    }
    for given, word in ((temperature, "temperature"), (alpha, "alpha")):
        if given is not None and given.endswith(word):
            owners &= {given[: -len(word)]}
    whole = [o for o in owners if {f"{o}temperature", f"{o}alpha"} <= known]
    depth = {owner: owner.count("__") for owner in whole}
    nearest = [owner for owner in whole if depth[owner] == min(depth.values())]
    if temperature is not None and alpha is not None:
        return temperature, alpha
    if len(nearest) == 1:
        return temperature or f"{nearest[0]}temperature", alpha or f"{nearest[0]}alpha"
    if nearest:
        raise ValueError(
            f"Several distillers were searched: {sorted(nearest)}; name the parameters "
            f"of one: temperature={nearest[0] + 'temperature'!r}, "
            f"alpha={nearest[0] + 'alpha'!r}."
        )
    raise ValueError(
        f"The search has no temperature and alpha of one distiller: it searched {names}"
        "; name them (temperature=..., alpha=...), and where one of the two was not "
        "searched use from_estimator, which reads it from the estimator."
    )


def _values(cv_results, name: str, params) -> NDArray[np.float64]:
    """The values of a parameter, with nan where nobody knows them."""
    default = (params or {}).get(name, np.nan)
    column = cv_results.get(f"param_{name}")
    if column is None:
        n_settings = len(next(iter(cv_results.values())))
        column = np.ma.masked_all(n_settings)
    values = np.ma.filled(column.astype(object), default)
    try:
        values = values.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"The values of {name} are no numbers: {values}.") from error
    return np.where(np.isnan(values), float(default), values)


def _scores(cv_results, metric: str) -> NDArray[np.float64]:
    key = f"mean_test_{metric}"
    if key not in cv_results:
        known = [k[10:] for k in cv_results if k.startswith("mean_test_")]
        raise ValueError(
            f"metric={metric!r} is not among the scores of this search, {known}; give "
            "one of these."
        )
    score = np.asarray(cv_results[key], dtype=np.float64)
    if np.isnan(score).all():
        raise ValueError("All fits of this search failed: there is no score to show.")
    return score


def _check_known(temperature, alpha, names) -> None:
    unknown = np.isnan(alpha) | (np.isnan(temperature) & (alpha != 0))
    if unknown.any():
        raise ValueError(
            f"{unknown.sum()} settings of this search say nothing of {names[0]} or "
            f"{names[1]}, and cv_results does not tell what these are then; use "
            "from_estimator, which reads it from the estimator."
        )


def _finite_or_worst(score: NDArray) -> NDArray:
    return np.where(np.isnan(score), -np.inf, score)


def _best_of(rows: list[int], score: NDArray, rounds: NDArray) -> int:
    """The best setting of the last round that any of these reached."""
    last = max(rounds[rows])
    rows = [k for k in rows if rounds[k] == last]
    return rows[int(np.argmax(_finite_or_worst(score[rows])))]


def _remarks(cv_results, others: list[str], rounds: NDArray) -> list[str]:
    varied = [
        name
        for name in others
        if len({repr(v) for v in cv_results[f"param_{name}"]}) > 1
    ]
    said = []
    if 0 < len(varied) <= 2:
        said.append(f"best over {' and '.join(varied)}")
    elif varied:
        said.append(f"best over {len(varied)} other parameters")
    if len(set(rounds.tolist())) > 1:
        said.append("each in the last round that it reached")
    return said
