"""
Tables of mixed types: pandas and polars
========================================

A table with numbers, categories, text, yes and no, and holes. The teacher reads it in
its way, the student in another, drawn rows look like the table, and the file for
production has an input for each column. Nothing is encoded by hand.
"""

import pickle
import tempfile

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder
from sklearn.tree import DecisionTreeClassifier, export_text

from skdistill import DistillationClassifier
from skdistill.export import OnnxClassifier, to_onnx
from skdistill.transfer import CoLeaf, Munge

# %%
# The table
# ---------
#
# It is made up, so the rule is known: long ways, heavy parcels, many items and some
# towns make a parcel late, by ship more so than by train; express helps. A tenth of the
# cells of four columns are then lost.

CARRIERS = ["train", "van", "ship"]
TOWNS = ["Ahlen", "Bergen", "Calais", "Delft", "Evora", "Faro", "Graz", "Hull"]


def parcels(n_rows, seed):
    """Columns as lists, None where a cell is missing, and what came of each parcel."""
    rng = np.random.default_rng(seed)
    km = rng.gamma(2, 100, n_rows).round(1)
    kg = rng.gamma(2, 2, n_rows).round(2)
    items = rng.integers(1, 7, n_rows)
    carrier = rng.integers(len(CARRIERS), size=n_rows)
    town = rng.integers(len(TOWNS), size=n_rows)
    express, signed = rng.random((2, n_rows)) < 0.4
    odds = 0.018 * (km - 200) + 0.45 * (kg - 4) + 0.3 * (items - 3.5) - 2 * express
    odds += np.array([-1.5, 0, 1.8])[carrier] + 0.5 * (town - 3.5) + 0.8 * signed
    late = rng.random(n_rows) < 1 / (1 + np.exp(-odds))

    def with_holes(column):
        lost = rng.random(n_rows) < 0.1
        cells = column.tolist()
        return [None if gone else cell for gone, cell in zip(lost, cells, strict=True)]

    columns = {
        "km": km.tolist(),
        "kg": with_holes(kg),
        "items": items.tolist(),
        "carrier": with_holes(np.array(CARRIERS)[carrier]),
        "town": with_holes(np.array(TOWNS)[town]),
        "express": express.tolist(),
        "signed": with_holes(signed),
    }
    return columns, np.where(late, "late", "on time")


def as_pandas(columns):
    """Categories are categories, text is text, yes and no may be missing."""
    types = {"carrier": pd.CategoricalDtype(CARRIERS), "signed": "boolean"}
    return pd.DataFrame(columns).astype(types)


def as_polars(columns):
    """The same table in polars."""
    return pl.DataFrame(columns, schema_overrides={"carrier": pl.Enum(CARRIERS)})


columns, y = parcels(800, seed=0)
X = as_pandas(columns)
print(X.head(4))
print(X.dtypes.to_string())
as_polars(columns).head(4)

# %%
# Two readers
# -----------
#
# The teacher is a booster. It takes categories from the dtypes and missing cells as
# they are; only the text needs a step before it. ``set_output`` has the step give
# frames, in which the booster finds the dtypes again.


def make_teacher(library):
    """A booster that reads parcels as frames of a library."""
    text = make_column_transformer(
        (
            OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan),
            ["town"],
        ),
        remainder="passthrough",
        verbose_feature_names_out=False,
    )
    booster = HistGradientBoostingClassifier(
        categorical_features="from_dtype",
        max_iter=60,
        max_leaf_nodes=8,
        random_state=0,
    )
    return make_pipeline(text.set_output(transform=library), booster)


# %%
# The student is one tree of 32 leaves, behind an encoder of its own. Yes and no are
# imputed together with the numbers, for a good reason: polars gives a table of nothing
# but booleans with None in it, in which ``SimpleImputer`` finds nothing missing.

encode = make_column_transformer(
    (SimpleImputer(), ["km", "kg", "items", "express", "signed"]),
    (
        OneHotEncoder(handle_unknown="ignore", sparse_output=False),
        ["carrier", "town"],
    ),
    verbose_feature_names_out=False,
)
tree = DecisionTreeClassifier(
    criterion="entropy", max_leaf_nodes=32, min_samples_leaf=5, random_state=0
)
student = make_pipeline(encode, tree)
grid = {
    "decisiontreeclassifier__min_samples_leaf": [5, 10, 20, 40],
    "decisiontreeclassifier__max_leaf_nodes": [8, 16, 32],
}
alone = GridSearchCV(student, grid, scoring="neg_log_loss", cv=3)

# %%
# Rows like these
# ---------------
#
# A generator learns what rows look like and draws more, which the teacher labels. Here
# is a parcel, and three that MUNGE makes of it and of its nearest neighbour:

munge = Munge(random_state=0).fit(X)
print(pd.concat([X.iloc[[0]], munge.sample_around([0, 0, 0])]).to_string())

# %%
# Numbers are moved, and those of few values exchanged, as are categories, text and
# holes. Drawn rows have the dtypes and the categories of the table, and about as many
# holes. ``changes_`` counts the cells that differ from those of the row they come from.
# CoLeaf looks for like rows in the leaves of a forest, and changes other cells:

shares = pd.DataFrame({"missing": X.isna().mean()})
for generator in (munge, CoLeaf(random_state=0).fit(X)):
    drawn = generator.sample(4000)
    name, changes = type(generator).__name__, generator.changes_
    shares[f"missing, {name}"] = drawn.isna().mean()
    shares[f"changed, {name}"] = changes.cells_changed_by_column / changes.n_rows
    same = drawn.dtypes.equals(X.dtypes)
    share = changes.n_rows_changed / changes.n_rows
    print(f"{name}: the same dtypes: {same}; rows that changed: {share:.2f}")
print(shares.round(2).to_string())

# %%
# The same in polars:

drawn = Munge(random_state=0).fit(as_polars(columns)).sample(4)
print("the same schema:", drawn.schema == as_polars(columns).schema)
drawn

# %%
# What the tree learns
# --------------------
#
# Taught by what copies of the teacher say that have not seen the row (``teacher_cv``),
# then with twenty drawn rows for each besides. The tree alone has its size chosen by
# cross-validation. There are five tables of 800 rows, and one of 4,000 to judge by.

steps = {
    "taught": {},
    "+ Munge": {"transfer": Munge()},
    "+ CoLeaf": {"transfer": CoLeaf()},
}
columns_test, y_test = parcels(4000, seed=99)
folder = tempfile.TemporaryDirectory()


def teach(X, y, library, **settings):
    """The tree, taught by a booster that is fitted once a table."""
    model = DistillationClassifier(
        make_teacher(library), student, teacher_cv=3, random_state=0, **settings
    )
    return model.set_params(memory=folder.name).fit(X, y)


found = []
X_test = as_pandas(columns_test)
for seed in range(5):
    columns, y = parcels(800, seed)
    X = as_pandas(columns)
    models = {"alone": alone.fit(X, y)}
    models |= {name: teach(X, y, "pandas", **each) for name, each in steps.items()}
    models["teacher"] = models["taught"].teacher_
    for name, model in models.items():
        loss = log_loss(y_test, model.predict_proba(X_test))
        accuracy = accuracy_score(y_test, model.predict(X_test))
        found.append((seed, name, loss, accuracy))
table = pd.DataFrame(found, columns=["table", "model", "log-loss", "accuracy"])
means = table.groupby("model", sort=False)[["log-loss", "accuracy"]].mean()
print(means.round(3).to_string())
losses = table.pivot_table(index="table", columns="model", values="log-loss")
pairs = ("taught", "alone"), ("+ Munge", "taught"), ("+ CoLeaf", "taught")
for name, other in pairs:
    gain = losses[other] - losses[name]
    print(
        f"{name!r} gains over {other!r} {gain.mean():+.3f} ({gain.min():+.3f} to "
        f"{gain.max():+.3f}), in {np.count_nonzero(gain > 0)} of {len(gain)} tables"
    )

# %%
# In polars nothing changes but the frames; yet the figures of the last table differ.
# Where text or a category is missing, the teacher takes the None of polars for one more
# category, and the NaN of pandas for no category at all. With these cells filled both
# say the same:


def filled(columns):
    """The columns with no hole in text and categories."""
    fills = {"carrier": "van", "town": "Hull"}
    return columns | {
        name: [cell or fill for cell in columns[name]] for name, fill in fills.items()
    }


tables = {
    "as it is": (columns, columns_test),
    "filled": (filled(columns), filled(columns_test)),
}
for name, (train, test) in tables.items():
    proba = {}
    for library, frame in {"pandas": as_pandas, "polars": as_polars}.items():
        model = teach(frame(train), y, library, transfer=Munge())
        proba[library] = model.predict_proba(frame(test))
        print(f"{name}, {library}: log-loss {log_loss(y_test, proba[library]):.4f}")
    largest = np.abs(proba["pandas"] - proba["polars"]).max()
    print(f"  largest difference {largest:.1e}")
folder.cleanup()

# %%
# Names
# -----
#
# The distiller knows the columns of the table, and the student's encoder what it makes
# of them. So the tree can be read:

model = models["+ Munge"]
print("in: ", *model.feature_names_in_)
names = model.student_[:-1].get_feature_names_out()
print("out:", *names)
print(export_text(model.student_[-1], feature_names=names, max_depth=2))

# %%
# Production
# ----------
#
# The file holds encoder and tree, and no teacher. It has one input a column.

content = to_onnx(model, X).SerializeToString()
print(f"{len(content):,} bytes; a pickle of the model {len(pickle.dumps(model)):,}")
served = OnnxClassifier(content)
print(served.feature_names_in_)

# %%
# Written from a model that learned from pandas, it takes frames of polars as well, with
# holes, and with a town that nobody has seen:

new = as_polars(columns_test).with_columns(
    town=pl.when(pl.col("items") == 6).then(pl.lit("Izmir")).otherwise(pl.col("town"))
)
same = served.predict(new) == model.predict(as_pandas(new.to_dict(as_series=False)))
print(f"the same label on {same.mean():.1%} of {len(same)} rows")
served.predict_proba(new.head(3))

# %%
# In one picture
# --------------
#
# On the left, dots are tables and diamonds their means. On the right, how often a drawn
# row has another cell than the row that it comes from.

figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.4), layout="constrained")
for k, name in enumerate(means.index):
    left.plot(losses[name], np.full(len(losses), k), "o", color="0.6", ms=4)
    color = "tab:blue" if name in steps else "black"
    left.plot(losses[name].mean(), k, "D", color=color, ms=7)
left.set_yticks(range(len(means)), means.index)
left.set(ylim=(len(means) - 0.5, -0.5), xlabel="log-loss on rows held out")
places = np.arange(len(shares))
styles = {"Munge": ("tab:blue", ""), "CoLeaf": ("0.8", "///")}
for shift, (name, (color, hatch)) in zip((-0.2, 0.2), styles.items(), strict=True):
    changed = shares[f"changed, {name}"]
    right.barh(
        places + shift,
        changed,
        height=0.4,
        color=color,
        hatch=hatch,
        edgecolor="black",
        label=name,
    )
right.set_yticks(places, shares.index)
right.invert_yaxis()
right.set_xlabel("share of cells that changed")
right.legend(fontsize=9)
plt.show()
