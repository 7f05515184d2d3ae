"""The order of the gallery: from the quickstart to what few will need."""

ORDER = [
    "plot_quickstart.py",
    "plot_system_a_ensemble.py",
    "plot_system_b_digits.py",
    "plot_system_c_response.py",
    "plot_system_d_forest_to_tree.py",
    "plot_search.py",
    "plot_more_rows.py",
    "plot_domain_shift.py",
    "plot_inspection.py",
    "plot_budget.py",
    "plot_serving.py",
    "plot_losses.py",
    "plot_compositions.py",
    "plot_leakage.py",
    "plot_precomputed.py",
    "plot_pipelines.py",
    "plot_mixed_types.py",
    "plot_voting_skorch.py",
]


class Order:
    """Sort key for sphinx-gallery; a script that is not listed comes last."""

    def __init__(self, src_dir):
        self.src_dir = src_dir

    def __call__(self, filename):
        """Position of a script."""
        return ORDER.index(filename) if filename in ORDER else len(ORDER)
