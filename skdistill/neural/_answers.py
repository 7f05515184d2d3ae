"""What a classifier says, read off its logits."""

from __future__ import annotations

from numpy.typing import NDArray
from scipy.special import log_softmax, softmax


class AnswersByLogits:
    """The mixin: a subclass writes `_logits`, and has `classes_` once it is fitted."""

    classes_: NDArray

    def _logits(self, X) -> NDArray:
        """Compute the logits of rows, (n_rows, n_classes), float64."""
        raise NotImplementedError

    def decision_function(self, X):
        """Compute the logits: the mean of the members'.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_rows, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_rows,) or (n_rows, n_classes), float64
            For two classes the log-odds of the second.
        """
        logits = self._logits(X)
        return logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits

    def predict_proba(self, X):
        """Predict the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_rows, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_rows, n_classes), float64
            One column for each of `classes_`.
        """
        return softmax(self._logits(X), axis=1)

    def predict_log_proba(self, X):
        """Predict the logarithm of the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_rows, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_rows, n_classes), float64
            One column for each of `classes_`.
        """
        return log_softmax(self._logits(X), axis=1)

    def predict(self, X):
        """Predict labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_rows, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_rows,)
            Labels.
        """
        logits = self._logits(X)
        return self.classes_[logits.argmax(axis=1)]
