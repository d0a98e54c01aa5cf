"""A real model to move: a sentiment classifier learnt from words that people have rated.

The VADER lexicon holds some 7,500 words, smileys and abbreviations, each with the mean of ten people's ratings from -4
(very negative) to 4 (very positive). It ships in the PyPI package `vaderSentiment`.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from modelsync_jupyter.core.errors import MissingDependency

#: The name under which BentoML's own `bentoml.sklearn` looks for the model.
FILE = "saved_model.pkl"
MODULE = "bentoml.sklearn"
_HELD_OUT = 0.2
_TREES = 115


@dataclass(frozen=True)
class Trained:
    """A classifier and what it was measured with.

    Args:
        model: The scikit-learn pipeline.
        learnt: Words it was trained on.
        held_out: Words it had not seen, on which it was measured.
        accuracy: Share of those that it got right, 0 to 1.
    """

    model: Any
    learnt: int
    held_out: int
    accuracy: float


def check_installed() -> None:
    """Raise before anything else is done if a package is missing.

    Raises:
        MissingDependency: scikit-learn or vaderSentiment is not installed.
    """
    missing = [name for name in ("sklearn", "joblib", "vaderSentiment") if find_spec(name) is None]
    if missing:
        hint = "Install it with `pip install 'modelsync_jupyter[demo]'`."
        raise MissingDependency(f"The demonstration needs {', '.join(f'`{name}`' for name in missing)}.", step=hint)


def train() -> Trained:
    """Learn which words are positive; the words held out are measured, never learnt."""
    from sklearn.model_selection import train_test_split

    words, moods = _lexicon()
    known, unseen, known_moods, unseen_moods = train_test_split(
        words, moods, test_size=_HELD_OUT, random_state=0, stratify=moods
    )
    model = _pipeline().fit(known, known_moods)
    return Trained(model, len(known), len(unseen), float(model.score(unseen, unseen_moods)))


def save(model: Any, folder: Path) -> None:
    """Write the classifier into a model's folder, uncompressed."""
    import joblib

    joblib.dump(model, folder / FILE, compress=0)


def predict(folder: Path, sentences: list[str]) -> list[tuple[str, float]]:
    """Load a classifier from a model's folder: a mood and its probability for each sentence."""
    import joblib

    model = joblib.load(folder / FILE)
    return [(str(model.classes_[row.argmax()]), float(row.max())) for row in model.predict_proba(sentences)]


def _lexicon() -> tuple[list[str], list[str]]:
    spec = find_spec("vaderSentiment")
    text = Path(str(spec and spec.origin)).with_name("vader_lexicon.txt").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in text.splitlines() if line.strip()]
    return [row[0].lower() for row in rows], ["positive" if float(row[1]) > 0 else "negative" for row in rows]


def _pipeline() -> Any:
    """Make the model: pieces of words, judged by a linear model and by a forest; the mean of both decides."""
    from sklearn.ensemble import ExtraTreesClassifier, VotingClassifier
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    linear = LogisticRegression(C=10, max_iter=300)
    forest = ExtraTreesClassifier(_TREES, max_features="log2", n_jobs=-1, random_state=0)
    return make_pipeline(
        TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 6), min_df=2, sublinear_tf=True),
        VotingClassifier([("linear", linear), ("forest", forest)], voting="soft"),
    )
