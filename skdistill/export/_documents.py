"""Text that is taken apart into words: in what language it is lowered."""

from __future__ import annotations

from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from skdistill.export._inside import parts_of

#: What every Linux has; that of skl2onnx, "en_US", is missing in many a container.
_LOCALE = "C.UTF-8"


def with_locale(options: dict | None, model) -> dict:
    """Choose the locale of vectorizers that lower text, where nobody has.

    Parameters
    ----------
    options : dict or None
        As given by the user, by class or id.
    model : classifier
        With or without vectorizers inside.

    Returns
    -------
    dict
        The options and those chosen.
    """
    chosen = dict(options or {})
    for part in parts_of(model):
        if type(part) in (CountVectorizer, TfidfVectorizer) and part.lowercase:
            asked = chosen.get(type(part), {}) | chosen.get(id(part), {})
            chosen[id(part)] = {"locale": _LOCALE} | asked
    return chosen
