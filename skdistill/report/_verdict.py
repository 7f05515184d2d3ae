"""One line that says what came of it, and whether these rows can tell."""

from __future__ import annotations

from collections.abc import Mapping

from skdistill.report._answers import ALONE, STUDENT, TEACHER
from skdistill.report._bootstrap import Estimate
from skdistill.report._figures import ACCURACY, AUC, BRIER, LOG_LOSS, Figures
from skdistill.report._words import in_rows, percent

#: Of the gap; a difference surely smaller than that is none worth speaking of.
_NEGLIGIBLE = 0.2

#: Resamples of fewer rows are too much alike for their intervals to hold.
_FEWEST_ROWS = 20

HELPED, HARMED, NOTHING, TOO_SMALL = "helped", "harmed", "no difference", "too small"
NO_GAP, NO_BASELINE, NO_TEACHER = "no gap", "no baseline", "no teacher"


def decide(figures: Figures, n_rows: int, taught: bool) -> str:
    """Which of the outcomes it was.

    Parameters
    ----------
    figures : Figures
    n_rows : int
        Rows that they were measured on.
    taught : bool
        Whether the student heard a teacher at all.

    Returns
    -------
    {"helped", "harmed", "no difference", "too small", "no gap", "no baseline", \
"no teacher"}
    """
    if not taught:
        return NO_TEACHER
    name = judged_by(figures)
    if (STUDENT, ALONE, name) not in figures.differences:
        return NO_BASELINE
    if n_rows < _FEWEST_ROWS:
        return TOO_SMALL
    change = better_by(figures.differences[STUDENT, ALONE, name], name)
    if change.low > 0:
        return HELPED
    if change.high < 0:
        return HARMED
    gap = _gap(figures.of_models, name)
    if gap <= 0:
        return NO_GAP
    width = max(abs(change.low), abs(change.high))
    return NOTHING if width < _NEGLIGIBLE * gap else TOO_SMALL


def judged_by(figures: Figures) -> str:
    """The figure that decides.

    It is the log-loss. Where one of the models says that the true class of a row is
    impossible, that row outweighs a hundred others, and what decides is the Brier
    score; where one of the students says labels only, the accuracy.
    """
    students = [m for m in (STUDENT, ALONE) if (m, ACCURACY) in figures.of_models]
    if any((model, LOG_LOSS) not in figures.of_models for model in students):
        return ACCURACY
    return BRIER if any(figures.ruled_out.values()) else LOG_LOSS


def better_by(change: Estimate, name: str) -> Estimate:
    """A difference so that above 0 is better."""
    if name in (ACCURACY, AUC):
        return change
    # From 0, so that none is -0.
    return Estimate(0.0 - change.value, 0.0 - change.high, 0.0 - change.low)


def _gap(of_models: Mapping, name: str) -> float:
    """How much better the teacher is than the student alone."""
    sign = 1 if name == ACCURACY else -1
    alone, teacher = of_models[ALONE, name], of_models[TEACHER, name]
    return sign * (teacher.value - alone.value)


def say(figures: Figures, n_rows: int, confidence_level: float, taught: bool) -> str:
    """The verdict as a sentence or two."""
    outcome = decide(figures, n_rows, taught)
    if outcome == NO_TEACHER:
        return (
            "No teacher was used (alpha is 0, as a search chooses it where none "
            "helps): the student learned from the labels alone, and whatever it "
            "differs in from another such student is chance."
        )
    if outcome == NO_BASELINE:
        return (
            "Whether the teacher helped cannot be said without the same student "
            "trained on the labels alone: give it as baseline."
        )
    name = judged_by(figures)
    change = better_by(figures.differences[STUDENT, ALONE, name], name)
    noun = {LOG_LOSS: "log-loss", BRIER: "Brier score", ACCURACY: "accuracy"}[name]
    interval = (
        f"{percent(confidence_level)} interval {change.low:+.2g} to {change.high:+.2g}"
    )
    span = f"{abs(change.value):.2g} ({interval}, above 0 is better)"
    signed = f"{change.value:+.2g} ({interval}, above 0 is better)"
    if outcome == HELPED:
        return f"The teacher helped: in {noun} the student gains {span}." + _share(
            figures, name
        )
    if outcome == HARMED:
        return (
            f"The teacher harmed: in {noun} the student loses {span}. Use the student "
            "alone, or search for other settings with DistillationClassifierCV."
        )
    if outcome == NO_GAP:
        return (
            f"Nothing to gain here: in {noun} the teacher itself is no better than the "
            "student alone, and no difference between the students can be seen."
        )
    if outcome == NOTHING:
        return (
            f"The teacher made no difference: in {noun} it is {signed}, little of the "
            f"gap of {_gap(figures.of_models, name):.2g} to the teacher."
        )
    few = f"{in_rows(n_rows)} {'is' if n_rows == 1 else 'are'}"
    return (
        f"{few} too few to tell whether the teacher helped: in {noun} the student "
        f"gains {signed}."
    )


def _share(figures: Figures, name: str) -> str:
    share = figures.recovered.get(name)
    if share is None or not share.low > -float("inf"):
        return ""
    return f" That is {share.value:.0%} of the gap to the teacher."
