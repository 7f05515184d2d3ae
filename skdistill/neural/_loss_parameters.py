"""``loss="dkd"`` with ``loss__beta``: parameters of a loss that is given by name."""

from __future__ import annotations

from skdistill.neural.losses import LOSSES


class NestedLoss:
    """The mixin for estimators with a `loss` that may be a name.

    A name stands for the loss with its defaults; a parameter of it, when set, puts
    that loss itself in the place of the name.
    """

    def get_params(self, deep=True):
        """Get parameters, those of a loss given by name among them.

        Parameters
        ----------
        deep : bool, default=True
            Whether to include those of `loss` and other nested objects.

        Returns
        -------
        dict
            Names to values.
        """
        params = super().get_params(deep=deep)
        if deep and isinstance(self.loss, str) and self.loss in LOSSES:
            of_loss = LOSSES[self.loss]().get_params()
            params |= {f"loss__{name}": value for name, value in of_loss.items()}
        return params

    def set_params(self, **params):
        """Set parameters, those of the loss as ``loss__name``.

        Parameters
        ----------
        **params : dict
            Names to values.

        Returns
        -------
        self : estimator
            This estimator.
        """
        loss = params.get("loss", self.loss)
        nested = any(name.startswith("loss__") for name in params)
        if nested and isinstance(loss, str) and loss in LOSSES:
            params = {**params, "loss": LOSSES[loss]()}
        return super().set_params(**params)
