"""How a distiller shows itself: tags to scikit-learn, a picture to people."""

from __future__ import annotations

from sklearn.utils import InputTags, get_tags

from skdistill._sklearn_compat import VisualBlock
from skdistill.teachers import is_estimator, members_of


def children_tags(tags, children: list):
    """What teachers and student take, the distiller takes.

    Parameters
    ----------
    tags : sklearn.utils.Tags
        Of the distiller alone; changed and returned.
    children : list
        Teachers and student; what is no estimator has no say.
    """
    theirs = [get_tags(c) for c in children if _has_tags(c)]
    inputs, mine = [t.input_tags for t in theirs], tags.input_tags
    mine.sparse = all(t.sparse for t in inputs)
    mine.allow_nan = all(t.allow_nan for t in inputs)
    mine.string = all(t.string for t in inputs)
    mine.categorical = all(t.categorical for t in inputs)
    mine.positive_only = any(t.positive_only for t in inputs)
    tags.non_deterministic = any(t.non_deterministic for t in theirs)
    tags.target_tags.required = True
    for each in theirs:
        if each.classifier_tags is not None:
            tags.classifier_tags.multi_class &= each.classifier_tags.multi_class
            tags.classifier_tags.poor_score |= each.classifier_tags.poor_score
    return tags


def tags_of(child):
    """What a child takes as input; nothing special, if it is no estimator."""
    return get_tags(child).input_tags if _has_tags(child) else InputTags()


def _has_tags(child) -> bool:
    return is_estimator(child) and hasattr(child, "__sklearn_tags__")


def visual_block(distiller):
    """Show teacher above student, each named by its part and open to be looked into."""
    teacher = getattr(distiller, "teacher_", distiller.teacher)
    student = getattr(distiller, "student_", distiller.student)
    source = getattr(distiller, "teacher_source_", None)
    route = getattr(distiller, "route_", None)
    members = members_of(teacher)
    parts = [
        _row(members, "teacher" if source is None else f"teacher ({source})"),
        _row([student], "student" if route is None else f"student ({route})"),
    ]
    return VisualBlock("serial", parts, names=["", ""], dash_wrapped=False)


def _row(children: list, part: str):
    blocks = [_block(child) for child in children]
    names = [part] * len(children)
    return VisualBlock("parallel", blocks, names=names, dash_wrapped=False)


def _block(child):
    if hasattr(child, "get_params") and not isinstance(child, type):
        return child
    name = getattr(child, "__name__", type(child).__name__)
    name = child if isinstance(child, str) else name
    return VisualBlock("single", child, names=name, name_details=str(child))
