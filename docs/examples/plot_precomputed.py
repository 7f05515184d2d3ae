"""
A teacher that is only a file of probabilities
==============================================

The teacher may be a remote service, a model in another language, or too heavy to keep.
Then its probabilities for the training rows are all there is, and all that is needed.
"""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import load_wine
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_predict, cross_validate
from sklearn.tree import DecisionTreeClassifier

from skdistill import DistillationClassifier

X, y = load_wine(return_X_y=True, as_frame=True)
y = y.map({0: "barolo", 1: "grignolino", 2: "barbera"})

# %%
# Somebody else wrote this file. Its columns are in an order of their own. The
# probabilities of each row come from models that have not seen the row.

forest = RandomForestClassifier(random_state=0)
proba = cross_val_predict(forest, X, y, method="predict_proba")
table = pd.DataFrame(proba, columns=np.unique(y))[["grignolino", "barolo", "barbera"]]
file = Path(tempfile.mkdtemp()) / "teacher.csv"
table.to_csv(file, index=False)

# %%
# ``teacher_classes`` names the columns, so that they are matched by label and never by
# position.

table = pd.read_csv(file)
tree = DecisionTreeClassifier(max_leaf_nodes=4, random_state=0)
model = DistillationClassifier(
    "precomputed", tree, teacher_classes=list(table.columns), alpha=0.9
)
model.fit(X, y, teacher_proba=table)
print(model.classes_, model.teacher_source_)

# %%
# In cross-validation the table is cut like the rows: each fold sees the probabilities
# of its own training rows. Nothing has to be configured for that. Mind that the models
# behind the table have seen rows that a fold holds out, so the scores of the student
# that it teaches are a little too good; rows kept apart from the start tell the truth.

result = cross_validate(
    model,
    X,
    y,
    cv=5,
    params={"teacher_proba": table},
    scoring=["accuracy", "neg_log_loss"],
)
alone = cross_validate(tree, X, y, cv=5, scoring=["accuracy", "neg_log_loss"])
for name, scores in {"distilled": result, "alone": alone}.items():
    accuracy, loss = scores["test_accuracy"].mean(), -scores["test_neg_log_loss"].mean()
    print(f"{name:10} accuracy {accuracy:.3f}, log-loss {loss:.3f}")
