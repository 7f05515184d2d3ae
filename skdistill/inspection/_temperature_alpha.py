"""What a search found at each temperature and alpha."""

from __future__ import annotations

import textwrap
from collections.abc import Callable

import numpy as np

from skdistill.inspection._cells import Grid, draw_cells, frame_cell, write_scores
from skdistill.inspection._figures import (
    check_matplotlib,
    despine,
    lay_out,
    open_axes,
    size_in_points,
    text_color,
)
from skdistill.inspection._search_results import read_surface

_KINDS = ("auto", "heatmap", "scatter")


class TemperatureAlphaDisplay:
    """Score of each temperature and alpha that a search has tried.

    A heat map with the score in each cell, the best one framed, and the student alone
    (``alpha=0``) as a column of its own: without a teacher a temperature has no effect.
    Settings that form no grid, as of a random search, are points; hollow, if all of
    their fits failed.

    Further parameters that were searched are left to their best value in each cell; the
    title says so. After halving, a cell shows the last round that it reached; those of
    earlier rounds were scored with less, and do not compare with the others.

    Use `from_estimator` or `from_cv_results` to make one.

    Parameters
    ----------
    temperature, alpha : ndarray of shape (n_pairs,)
        Distinct pairs. The student alone is one of them, with temperature 1.
    score : ndarray of shape (n_pairs,)
        Of each; nan where all fits failed.
    best : int
        The pair to mark.
    best_name : str, default="best"
        What it is.
    score_name : str, default="score"
        What the score is.
    remarks : sequence of str, default=()
        For the title.

    Attributes
    ----------
    meshes_ : list of matplotlib.collections.QuadMesh
        Of a heat map: the student alone, and the cells with a teacher.
    texts_ : dict of int to matplotlib.text.Text
        Of a heat map: the values, by pair. Empty, if there is no room for them.
    points_ : matplotlib.collections.PathCollection or None
        Of a scatter plot: the pairs with a teacher.
    colorbar_ : matplotlib.colorbar.Colorbar or None
        The scale.
    ax_ : matplotlib.axes.Axes
        Axes with the surface.
    figure_ : matplotlib.figure.Figure
        Figure with the axes.

    See Also
    --------
    skdistill.DistillationClassifierCV : A search that tries the student alone.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skdistill import DistillationClassifierCV
    >>> from skdistill.inspection import TemperatureAlphaDisplay
    >>> X, y = load_wine(return_X_y=True)
    >>> forest = RandomForestClassifier(30, random_state=0)
    >>> tree = DecisionTreeClassifier(max_leaf_nodes=4, random_state=0)
    >>> search = DistillationClassifierCV(forest, tree, cv=3, rule=0.0).fit(X, y)
    >>> display = TemperatureAlphaDisplay.from_estimator(search)
    >>> len(display.score), float(display.alpha[0])
    (13, 0.0)
    """

    def __init__(
        self,
        temperature,
        alpha,
        score,
        best,
        *,
        best_name="best",
        score_name="score",
        remarks=(),
    ):
        self.temperature = temperature
        self.alpha = alpha
        self.score = score
        self.best = best
        self.best_name = best_name
        self.score_name = score_name
        self.remarks = remarks

    @classmethod
    def from_estimator(
        cls,
        estimator,
        *,
        metric=None,
        temperature=None,
        alpha=None,
        score_name=None,
        ax=None,
        **kwargs,
    ):
        """Show a fitted search, and mark the setting that it chose.

        Parameters
        ----------
        estimator : search
            A fitted :class:`~skdistill.DistillationClassifierCV`, or any search of
            scikit-learn's over a distiller, alone or inside of other estimators; or a
            pipeline that ends in one.
        metric : str, default=None
            Which of several scores. None: the one by which it chose.
        temperature, alpha : str, default=None
            Names of the parameters, such as ``"distil__temperature"``. None: those of
            the outermost distiller. One that was not searched is read from the
            estimator.
        score_name : str, default=None
            What the score is. None: `scoring` of the search.
        ax : matplotlib.axes.Axes, default=None
            Where to draw. None opens a figure.
        **kwargs : dict
            Further parameters of `plot`.

        Returns
        -------
        TemperatureAlphaDisplay
            Drawn.

        Raises
        ------
        TypeError
            If it is no fitted search.
        ValueError
            If it is no search over temperature or alpha, or a parameter is wrong.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        while hasattr(estimator, "steps"):
            estimator = estimator[-1]
        if not hasattr(estimator, "cv_results_"):
            raise TypeError(
                f"{type(estimator).__name__} has no cv_results_; give a fitted search."
            )
        scoring = getattr(estimator, "scoring", None)
        by = estimator.refit if getattr(estimator, "multimetric_", False) else "score"
        metric = by if metric is None and isinstance(by, str) else metric or "score"
        inner = getattr(estimator, "estimator", None)
        chosen = getattr(estimator, "best_index_", None) if metric == by else None
        *columns, remarks = read_surface(
            estimator.cv_results_,
            metric=metric,
            temperature=temperature,
            alpha=alpha,
            params=None if inner is None else inner.get_params(),
            best_index=chosen,
        )
        if score_name is None:
            score_name = scoring if isinstance(scoring, str) else metric
        display = cls(
            *columns,
            best_name="best" if chosen is None else "chosen",
            score_name=score_name,
            remarks=remarks,
        )
        return display.plot(ax=ax, **kwargs)

    @classmethod
    def from_cv_results(
        cls,
        cv_results,
        *,
        metric="score",
        temperature=None,
        alpha=None,
        score_name=None,
        ax=None,
        **kwargs,
    ):
        """Show the results of a search, and mark the best of them.

        Parameters
        ----------
        cv_results : dict of array-like, or frame
            ``cv_results_`` of a search over temperature and alpha.
        metric : str, default="score"
            Which of several scores.
        temperature, alpha : str, default=None
            Names of the parameters, such as ``"distil__temperature"``. None: those of
            the outermost distiller.
        score_name : str, default=None
            What the score is. None: `metric`.
        ax : matplotlib.axes.Axes, default=None
            Where to draw. None opens a figure.
        **kwargs : dict
            Further parameters of `plot`.

        Returns
        -------
        TemperatureAlphaDisplay
            Drawn.

        Raises
        ------
        ValueError
            If they are no results over temperature and alpha, or a parameter is wrong.
        """
        check_matplotlib(f"{cls.__name__}.from_cv_results")
        *columns, remarks = read_surface(
            cv_results, metric=metric, temperature=temperature, alpha=alpha
        )
        name = metric if score_name is None else score_name
        display = cls(*columns, score_name=name, remarks=remarks)
        return display.plot(ax=ax, **kwargs)

    def plot(
        self,
        ax=None,
        *,
        kind="auto",
        include_values="auto",
        values_format=None,
        cmap="cividis",
        colorbar=True,
        text_kw=None,
    ):
        """Draw it.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw. None opens a figure.
        kind : {"auto", "heatmap", "scatter"}, default="auto"
            "auto": a heat map where at least half of its cells were tried.
        include_values : bool or "auto", default="auto"
            Whether cells have their values written in. "auto": where they can be read.
        values_format : str, default=None
            Of these, as of :func:`format`. None: as many decimals as tell them apart.
        cmap : str or matplotlib.colors.Colormap, default="cividis"
            The colours.
        colorbar : bool, default=True
            Whether to draw their scale.
        text_kw : dict, default=None
            For :meth:`matplotlib.axes.Axes.text`, of the values.

        Returns
        -------
        TemperatureAlphaDisplay
            The same.
        """
        if kind not in _KINDS:
            raise ValueError(f"kind={kind!r} must be one of {', '.join(_KINDS)}.")
        grid = Grid.of(self.temperature, self.alpha)
        if kind == "auto":
            kind = "heatmap" if grid.is_dense() else "scatter"
        ax = open_axes(ax, self, _figsize(grid, kind))
        self.meshes_, self.points_, self.texts_ = [], None, {}
        from matplotlib.cm import ScalarMappable

        colors = ScalarMappable(self._norm(), cmap)
        write = self._writer(values_format)
        if kind == "heatmap":
            self.meshes_ = draw_cells(ax, grid, self.score, colors.norm, cmap)
            frame_cell(ax, grid, self.best)
        else:
            self._plot_points(ax, grid, colors, write)
        self._label(ax, kind)
        self.colorbar_ = self._draw_scale(ax, grid, colors) if colorbar else None
        if kind == "heatmap" and include_values:
            self.texts_ = write_scores(
                ax,
                grid,
                self.score,
                self.best,
                colors.to_rgba,
                write,
                text_kw=text_kw,
                always=include_values != "auto",
            )
        return self

    def _norm(self):
        from matplotlib.colors import Normalize

        low, high = self._range()
        if low == high:
            low, high = low - 0.5, high + 0.5
        return Normalize(low, high)

    def _range(self) -> tuple[float, float]:
        """The scores that colours tell apart.

        A student alone that is far off is not among them: beside it all others would
        look the same.
        """
        finite = np.isfinite(self.score)
        everything = self.score[finite]
        taught = self.score[finite & (self.alpha > 0)]
        if not len(everything):
            return 0.0, 0.0
        if len(taught) > 1 and np.ptp(everything) > 2 * np.ptp(taught) > 0:
            return float(taught.min()), float(taught.max())
        return float(everything.min()), float(everything.max())

    def _writer(self, values_format: str | None) -> Callable[[float], str]:
        if values_format is not None:
            return lambda value: format(value, values_format)
        low, high = self._range()
        decimals = 3
        if high > low:
            decimals = int(np.clip(np.round(2 - np.log10(high - low)), 1, 6))
        return lambda value: "failed" if np.isnan(value) else f"{value:.{decimals}f}"

    def _plot_points(self, ax, grid: Grid, colors, write) -> None:
        taught = self.alpha > 0
        at = np.column_stack([self.alpha, self.temperature])
        seen = colors.to_rgba(self.score)
        style = {"edgecolors": "black", "linewidths": 0.7, "zorder": 3}
        self.points_ = ax.scatter(*at[taught].T, s=60, c=seen[taught], **style)
        if grid.alone >= 0:
            said = f"student alone: {write(self.score[grid.alone])}"
            alone = {"marker": "s", "c": seen[[grid.alone]], "label": said}
            ax.scatter(*at[[grid.alone]].T, s=80, **alone, **style)
        temperature, alpha = self.temperature[self.best], self.alpha[self.best]
        said = f"{self.best_name}: {write(self.score[self.best])}"
        if alpha > 0:
            said += f" at T={temperature:.3g}, alpha={alpha:.3g}"
        best = {"marker": "*", "c": seen[[self.best]], "label": said}
        ax.scatter(*at[[self.best]].T, s=320, **best, **style)
        ax.set_xlim(-0.04, 1.04)
        shown = self.temperature[taught]
        if len(shown) and shown.max() >= 5 * shown.min():
            from matplotlib.ticker import LogLocator, ScalarFormatter

            ax.set_yscale("log")
            ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
            ax.yaxis.set_major_formatter(ScalarFormatter())
            ax.yaxis.set_minor_formatter(lambda value, position: "")
        despine(ax)
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False)

    def _label(self, ax, kind: str) -> None:
        ax.set(xlabel="alpha (weight of the teacher)", ylabel="temperature")
        mark = [f"framed: {self.best_name}"] if kind == "heatmap" else []
        title = "; ".join([*mark, *self.remarks])
        pad = 6 if kind == "heatmap" else 44
        lay_out(ax)
        # About 5.5 points for a character.
        width = max(30, int(size_in_points(ax)[0] / 5.5))
        title = textwrap.fill(title, width)
        ax.set_title(title, fontsize=10, loc="left", pad=pad)

    def _draw_scale(self, ax, grid: Grid, colors):
        """Draw the scale, with a line where the student alone is."""
        low, high = colors.norm.vmin, colors.norm.vmax
        finite = self.score[~np.isnan(self.score)]
        beyond = (finite < low).any(), (finite > high).any()
        extend = {(True, False): "min", (False, True): "max", (True, True): "both"}
        scale = ax.figure.colorbar(colors, ax=ax, extend=extend.get(beyond, "neither"))
        scale.set_label(f"mean {self.score_name}")
        if grid.alone >= 0 and low <= self.score[grid.alone] <= high:
            level = self.score[grid.alone]
            line = scale.ax.axhline(level, linestyle="--", linewidth=1.5)
            line.set_color(text_color(colors.to_rgba(level)))
            height = (level - low) / (high - low)
            where = {"xycoords": ("axes fraction", "data"), "ha": "right"}
            where["va"] = "bottom" if height < 0.1 else "center"
            where["va"] = "top" if height > 0.9 else where["va"]
            scale.ax.annotate("alone ", (0, level), fontsize=8, **where)
        return scale


def _figsize(grid: Grid, kind: str) -> tuple[float, float]:
    if kind == "scatter":
        return 6.0, 4.4
    n_columns = len(grid.alphas) + (grid.alone >= 0)
    width = np.clip(2.6 + 0.75 * n_columns, 4.6, 12.0)
    return float(width), float(np.clip(1.7 + 0.55 * grid.n_rows, 3.0, 9.0))
