"""
Frames, mixed columns and pipelines
===================================

A teacher that reads numbers and categories as they are teaches a student that needs
them encoded. The encoder belongs *inside* the student.
"""

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skdistill import DistillationClassifier, strip_teacher

# %%
# A made-up table of customers, with a category, numbers and missing values.

rng = np.random.default_rng(0)
n = 3000
X = pd.DataFrame(
    {
        "age": rng.integers(18, 90, n).astype(float),
        "income": rng.lognormal(10, 0.5, n).round(),
        "plan": pd.Categorical(rng.choice(["basic", "family", "pro"], n)),
    }
)
odds = 0.05 * (X["age"] - 50) + 1.5 * (X["plan"] == "pro") - (X["income"] > 25_000)
y = pd.Series(np.where(odds + rng.logistic(size=n) > 0, "stays", "leaves"))
X.loc[rng.random(n) < 0.1, "income"] = np.nan
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
X_train.head(3)

# %%
# The teacher takes the frame as it is. The student is a pipeline: its own imputer,
# scaler and encoder, then a logistic regression, which learns the soft targets.

teacher = HistGradientBoostingClassifier(max_iter=50, random_state=0)
teacher.fit(X_train, y_train)


def make_student():
    """A logistic regression with the preprocessing that it needs."""
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    encode = make_column_transformer(
        (numbers, ["age", "income"]), (OneHotEncoder(), ["plan"])
    )
    return make_pipeline(encode, LogisticRegression())


model = DistillationClassifier(teacher, make_student(), alpha=0.5)
model.fit(X_train, y_train)
alone = make_student().fit(X_train, y_train)
for name, each in {"teacher": teacher, "distilled": model, "alone": alone}.items():
    loss = log_loss(y_test, each.predict_proba(X_test))
    print(f"{name:10} accuracy {each.score(X_test, y_test):.3f}, log-loss {loss:.3f}")

# %%
# On this small table the teacher is no better than a logistic regression, so it has
# nothing to give. The example is about how the parts fit together.
#
# A scaler *before* the distiller would hide the raw columns from the fitted teacher.
# Where column names show it, that is an error:

scaler = StandardScaler().set_output(transform="default")
numbers = X_train[["age"]]
forest_on_raw = HistGradientBoostingClassifier(random_state=0).fit(numbers, y_train)
wrong = make_pipeline(
    scaler, DistillationClassifier(forest_on_raw, LogisticRegression())
)
try:
    wrong.fit(numbers, y_train)
except ValueError as error:
    print(error)

# %%
# For production, leave the teacher behind. The copy still takes frames.

small = strip_teacher(model)
small.predict(X_test[:3])
