"""Weights of scikit-learn's logistic regression, for src/evals/baselines/logistic.ts.

    python tests/goldens/make_logistic.py       needs scikit-learn 1.9; writes logistic.json beside this file
"""

import json
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

random = np.random.default_rng(11)
rows = np.round(random.normal(size=(60, 4)), 3)
noisy = rows + random.normal(scale=0.7, size=rows.shape)
labels = np.argmax(noisy[:, :3], axis=1)

cases = []
for strength in (0.1, 1.0, 30.0):
    model = LogisticRegression(C=strength, tol=1e-12, max_iter=100_000).fit(rows, labels)
    cases.append(
        {
            "strength": strength,
            "weights": model.coef_.tolist(),
            "probabilities": model.predict_proba(rows[:5]).tolist(),
        }
    )

golden = {"rows": rows.tolist(), "labels": labels.tolist(), "cases": cases}
Path(__file__).with_name("logistic.json").write_text(json.dumps(golden) + "\n")
