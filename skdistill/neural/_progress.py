"""A bar that shows how training goes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from skdistill.neural.training import Report


@contextmanager
def progress_report(verbose, n_epochs: int, n_models: int) -> Iterator[Report | None]:
    """Show a bar of epochs, with losses, for as long as the context lasts.

    Parameters
    ----------
    verbose : int
        0 shows nothing.
    n_epochs : int
        Epochs of one model.
    n_models : int
        Models that are trained.

    Yields
    ------
    callable or None
        To be called after each epoch; see :data:`Report`.
    """
    if not verbose:
        yield None
        return
    from tqdm import tqdm

    # Steps of the bar are epochs of single models: stacks come one after another.
    with tqdm(desc="training", total=n_epochs * n_models, unit="epoch") as bar:

        def report(epoch: int, loss: float, valid: float | None, n_alive: int) -> None:
            shown = {"loss": f"{loss:.4f}"}
            if valid is not None:
                shown["valid"] = f"{valid:.4f}"
            bar.set_postfix(shown, refresh=False)
            bar.update(n_alive)

        yield report
