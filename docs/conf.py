"""Sphinx configuration."""

import re
import sys
from pathlib import Path

import skdistill

sys.path.insert(0, str(Path(__file__).parent))  # for gallery_order

project = "skdistill"
author = "skdistill developers"
copyright = f"2026, {author}"
version = release = skdistill.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
    "sphinxcontrib.bibtex",
    "myst_parser",
]
exclude_patterns = ["_build", "examples"]

html_theme = "pydata_sphinx_theme"
html_title = "skdistill"
html_static_path = ["_static"]
html_css_files = ["wide.css"]
html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": False, "show_toc_level": 2}

autosummary_generate = True
autodoc_default_options = {"members": True, "inherited-members": True}
# autosummary's own page per class lists the members.
numpydoc_show_class_members = False

bibtex_bibfiles = ["references.bib"]
bibtex_default_style = "plain"
bibtex_reference_style = "author_year"

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"[/\\]plot_",
    "doc_module": "skdistill",
    "within_subsection_order": "gallery_order.Order",
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "remove_config_comments": True,
}


def unlink_inherited(app, env, reference, content):
    """Print as plain text what docstrings of scikit-learn and skorch link to.

    Inherited methods such as ``set_fit_request`` point into documentation which is
    not part of this one. Links that are written here are still checked: a row of a
    summary table repeats a docstring that is checked in its own place.
    """
    node = reference
    while node is not None and not node.source:
        node = node.parent
    source = node.source if node is not None else ""
    elsewhere = re.search(r"docstring of (sklearn|skorch)\.|<autosummary>", source)
    return content if elsewhere else None


def setup(app):
    """Register the handler above."""
    app.connect("missing-reference", unlink_inherited)
