"""Makes metrics.json: what the reference packages say about made-up answers.

    python3 -m venv venv
    venv/bin/pip install scikit-learn statsmodels scipy seqeval nervaluate sacrebleu rouge-score nltk "transformers<5"
    venv/bin/python tests/goldens/make_metrics.py

Which package defines which figure:

    classes, averages, confusion      scikit-learn precision_recall_fscore_support (zero_division=0), confusion_matrix
    ROC AUC, PR AUC, curves           scikit-learn roc_auc_score, average_precision_score, roc_curve
    reliability curve, Brier score    scikit-learn calibration_curve, brier_score_loss; ECE is summed from the curve
    entities, strict                  seqeval (default mode)
    entities, partial                 nervaluate's partial counts per label, summed
    short answers                     transformers' copy of SQuAD's script (squad_metrics)
    BLEU, chrF, chrF++                sacrebleu corpus scores; ROUGE: rouge-score; METEOR: NLTK without synonyms
    perplexity                        numpy: exp of the mean negative log-probability
    intervals, tests                  statsmodels proportion_confint, mcnemar, multipletests; scipy.stats.bootstrap
    JSON fields, tool calls           no package is the reference: the obvious few lines of Python at the end
"""

import json
import random
import warnings
from collections import Counter
from importlib.metadata import version
from pathlib import Path

import numpy
import sacrebleu
from nervaluate.entities import Entity
from nervaluate.strategies import PartialEvaluation
from nltk.stem.porter import PorterStemmer
from nltk.translate.meteor_score import single_meteor_score
from rouge_score import rouge_scorer
from sacrebleu.significance import _compute_p_value
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a
from scipy import stats
from seqeval.metrics.sequence_labeling import get_entities, precision_recall_fscore_support as entity_scores
from sklearn.calibration import calibration_curve
from sklearn.metrics import (accuracy_score, average_precision_score, brier_score_loss, confusion_matrix,
                             precision_recall_fscore_support, roc_auc_score, roc_curve)
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint
from transformers.data.metrics.squad_metrics import compute_exact, compute_f1

warnings.filterwarnings("ignore")
chance = random.Random(6)
averages = ["micro", "macro", "weighted"]


def floats(values):
    return [float(value) for value in values]


# Classes

def classification(actual, predicted, labels=None):
    """Answers without a label are of a class that scikit-learn is told to leave out."""
    classes = labels or sorted({*actual, *(each for each in predicted if each is not None)})
    named = ["(none)" if each is None else each for each in predicted]
    scores = {}
    for beta in (1, 2, 0.5):
        of = lambda average: precision_recall_fscore_support(  # noqa: E731
            actual, named, labels=classes, average=average, beta=beta, zero_division=0)
        per_class = of(None)
        scores[str(beta)] = {
            "per_class": {label: floats(column) for label, column in zip(classes, zip(*per_class))},
            **{average: floats(of(average)[:3]) for average in averages},
        }
    every = [*classes, "(none)"] if labels is None else sorted({*actual, *named})
    matrix = confusion_matrix(actual, named, labels=every)
    return {
        "actual": actual, "predicted": predicted, "labels": labels, "scores": scores,
        "accuracy": float(accuracy_score(actual, named)),
        "confusion": [[a, None if b == "(none)" else b, int(matrix[i][j])]
                      for i, a in enumerate(every) for j, b in enumerate(every) if matrix[i][j]],
    }


def answers(labels, count, right, others=()):
    actual = chance.choices(labels, weights=range(1, len(labels) + 1), k=count)
    predicted = [each if chance.random() < right else chance.choice([*labels, *others]) for each in actual]
    return actual, predicted


classifications = [
    classification(*answers(["spam", "ham"], 120, 0.8)),
    classification(*answers(["a", "b", "c", "d"], 200, 0.5)),
    classification(*answers(["a", "b", "c"], 80, 0.5, others=["never true", None, None])),
    classification(*answers(["a", "b", "c"], 80, 0.5, others=["never true", None]), labels=["a", "b", "c", "absent"]),
    classification(["one"] * 5, ["one"] * 5),
    classification(["one"] * 5, ["one", "two", None, "one", None]),
    classification(["a", "b"], [None, None]),
]


# Ranking and calibration

def probabilities(labels, actual, sharpness, steps):
    rows = []
    for truth in actual:
        weights = [chance.random() + (sharpness if label == truth else 0) for label in labels]
        row = [weight / sum(weights) for weight in weights]
        rows.append([round(each * steps) / steps for each in row] if steps else row)
    return rows


def ranking(labels, count, sharpness, steps=None):
    actual = [*labels, *chance.choices(labels, k=count - len(labels))]
    rows = probabilities(labels, actual, sharpness, steps)
    per_class = {}
    for i, label in enumerate(labels):
        truth, scores = [each == label for each in actual], [row[i] for row in rows]
        false_rate, true_rate, thresholds = roc_curve(truth, scores, drop_intermediate=False)
        per_class[label] = {
            "roc_auc": float(roc_auc_score(truth, scores)),
            "pr_auc": float(average_precision_score(truth, scores)),
            "curve": [floats(point) for point in zip(thresholds[1:], true_rate[1:], false_rate[1:])],
        }
    # scikit-learn wants one column per class and rows that sum to 1 only in its multi-class form; one-hot truth does not.
    truth = numpy.array([[each == label for label in labels] for each in actual])
    return {
        "labels": labels, "actual": actual, "probabilities": rows, "per_class": per_class,
        **{average: [float(roc_auc_score(truth, rows, average=average)),
                     float(average_precision_score(truth, rows, average=average))] for average in ("macro", "weighted")},
    }


rankings = [ranking(["yes", "no"], 60, 0.5), ranking(["a", "b", "c"], 90, 0.3, steps=10), ranking(["a", "b", "c", "d"], 50, 1)]


def calibration(confidence, right, bins):
    accuracy, mean_confidence = calibration_curve(right, confidence, n_bins=bins, strategy="uniform")
    edges = numpy.linspace(0, 1, bins + 1)
    counts = numpy.bincount(numpy.searchsorted(edges[1:-1], confidence), minlength=bins)
    filled = counts[counts > 0]
    gaps = numpy.abs(accuracy - mean_confidence)
    return {
        "confidence": confidence, "right": right, "bins": bins, "counts": [int(each) for each in counts],
        "accuracy": floats(accuracy), "mean_confidence": floats(mean_confidence),
        "ece": float((gaps * filled).sum() / len(right)), "mce": float(gaps.max()),
        "brier": float(brier_score_loss(right, confidence)),
    }


def confidences(count, honesty, steps=None):
    confidence = [chance.random() ** 0.5 for _ in range(count)]
    if steps:
        confidence = [round(each * steps) / steps for each in confidence]
    return confidence, [chance.random() < each ** honesty for each in confidence]


calibrations = [
    calibration(*confidences(300, 1), 10),
    calibration(*confidences(200, 3), 15),
    calibration(*confidences(100, 2, steps=10), 10),
    calibration([0.0, 1.0, 0.3, 0.1, 0.7, 0.5], [False, True, False, True, True, False], 10),
]


# Entities

def entities(actual, predicted, beta=2):
    per_class = entity_scores(actual, predicted, average=None, beta=beta, zero_division=0)
    f1s = entity_scores(actual, predicted, average=None, zero_division=0)[2]
    labels = sorted({label for tags in (actual, predicted) for label, *_ in get_entities(tags)})
    partial = {}
    for label in labels:
        counts = Counter()
        for truth, answer in zip(actual, predicted):
            spans = [[Entity(name, start, end) for name, start, end in get_entities(tags) if name == label]
                     for tags in (truth, answer)]
            result, _ = PartialEvaluation().evaluate(*spans, tags=[label])
            counts.update({"hits": result.correct + 0.5 * result.partial, "answered": result.actual,
                           "support": result.possible})
        partial[label] = counts
    return {
        "actual": actual, "predicted": predicted, "labels": labels, "beta": beta,
        "spans": [[list(each) for each in get_entities(tags)] for tags in predicted],
        "strict": {
            "per_class": {label: floats([*row, f1]) for label, *row, f1 in zip(labels, *per_class, f1s)},
            **{average: floats(entity_scores(actual, predicted, average=average, beta=beta, zero_division=0)[:3])
               for average in averages},
        },
        "partial": {label: dict(counts) for label, counts in partial.items()},
    }


def tag_row(length, style):
    tags = []
    while len(tags) < length:
        label, size = chance.choice(["PER", "LOC", "ORG"]), chance.randint(1, 4)
        if chance.random() < 0.5:
            tags += ["O"] * size
        elif style == "BIO":
            tags += [f"B-{label}", *[f"I-{label}"] * (size - 1)]
        else:
            tags += [f"S-{label}"] if size == 1 else [f"B-{label}", *[f"I-{label}"] * (size - 2), f"E-{label}"]
    return tags[:length]


def noisy(tags, style):
    letters = "BI" if style == "BIO" else "BIES"
    changed = [f"{chance.choice(letters)}-{chance.choice(['PER', 'LOC', 'MISC'])}", "O"]
    return [chance.choice(changed) if chance.random() < 0.2 else tag for tag in tags]


def tag_set(count, style):
    actual = [tag_row(chance.randint(1, 20), style) for _ in range(count)]
    return actual, [noisy(tags, style) for tags in actual]


taggings = [
    entities(*tag_set(40, "BIO")),
    entities(*tag_set(40, "BIOES")),
    entities([["B-PER", "I-PER", "O", "B-LOC"]], [["I-PER", "I-PER", "O", "O"]]),
    entities([["B-PER", "I-LOC", "I-LOC", "O"]], [["B-PER", "B-PER", "I-PER", "O"]]),
    entities([["O", "O"], ["B-PER"]], [["O", "B-PER"], ["O"]]),
]


# Texts

words = ("the a an time year people way day man thing woman life child world school state family student group country "
         "problem hand part place case week company system program question running jumped quickly studies happiness "
         "12 3.5 , . - ! (hi) café naïve").split()


def text_pair(most):
    reference = chance.choices(words, k=chance.randint(1, most))
    guess = [chance.choice(words) if chance.random() < 0.3 else word for word in reference]
    if chance.random() < 0.3:
        guess = guess[chance.randint(0, 3):]
    return " ".join(guess), " ".join(reference)


class NoSynonyms:
    """A WordNet without any entry."""

    def synsets(self, word):
        return []


words_of = Tokenizer13a()
stemmer = PorterStemmer()
rouge = rouge_scorer.RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=False)


def texts(pairs):
    guesses, references = [guess for guess, _ in pairs], [reference for _, reference in pairs]
    rouges = [rouge.score(reference, guess) for guess, reference in pairs]
    meteors = [single_meteor_score(words_of(reference).split(), words_of(guess).split(), stemmer=stemmer,
                                   wordnet=NoSynonyms()) for guess, reference in pairs]
    return {
        "pairs": pairs,
        "bleu": sacrebleu.corpus_bleu(guesses, [references]).score / 100,
        "chrf": sacrebleu.corpus_chrf(guesses, [references], word_order=0).score / 100,
        "chrfPlusPlus": sacrebleu.corpus_chrf(guesses, [references], word_order=2).score / 100,
        **{name.replace("_", ""): float(numpy.mean([each[name].fmeasure for each in rouges]))
           for name in ("rouge1", "rouge2", "rougeL")},
        "meteor": float(numpy.mean(meteors)),
        "exactMatch": float(numpy.mean([guess.strip() == reference.strip() for guess, reference in pairs])),
    }


corpora = [
    texts([text_pair(20) for _ in range(40)]),
    texts([text_pair(3) for _ in range(10)]),
    texts([("", "something"), ("same here, as said before.", "same here, as said before.")]),
    texts([("yes", "no"), ("a b", "c d")]),
    texts([("Ünïcödé 漢字 テスト 🙂🙃 (really) \"so\"", "Ünïcödé 漢字 テスト 🙂 (really) so"), ("The cat sat.", "A cat sat!")]),
    texts([("", ""), ("the cat is on the mat", "the cat sat on the mat")]),
]

short_answers = [
    ("The Eiffel Tower!", ["eiffel tower"]), ("in Paris, France", ["Paris", "Paris, France"]), ("", [""]), ("", ["x"]),
    ("the", [""]), ("a an the", ["the"]), ("1,000", ["1000"]), ("añ añejo the", ["añ añejo"]), ("U.S.A.", ["usa"]),
    ("it's a dog", ["its dog", "dog"]), ("blue blue red", ["blue red red"]), ("Straße  A", ["straße"]),
    *((guess, [reference, text_pair(5)[1]]) for guess, reference in (text_pair(6) for _ in range(40))),
]
squad = [{"predicted": guess, "references": references,
          "exact": max(compute_exact(each, guess) for each in references),
          "f1": float(max(compute_f1(each, guess) for each in references))} for guess, references in short_answers]

log_probabilities = [[-chance.expovariate(1.5) for _ in range(chance.randint(1, 30))] for _ in range(20)]
perplexity = {"answers": log_probabilities,
              "perplexity": float(numpy.exp(-numpy.mean(numpy.concatenate(log_probabilities))))}


# Intervals and tests

wilson = [[right, total, *floats(proportion_confint(right, total, alpha=0.05, method="wilson"))]
          for right, total in [(0, 1), (1, 1), (3, 7), (8, 10), (0, 50), (199, 200), (500, 1000)]]
scores = [chance.random() ** 2 for _ in range(80)]
other = [min(1.0, each + chance.gauss(0.02, 0.1)) for each in scores]
drawn = lambda values: stats.bootstrap((numpy.array(values),), numpy.mean, n_resamples=20000,  # noqa: E731
                                       method="percentile", rng=numpy.random.default_rng(1)).confidence_interval


def paired_p_value(first, second, draws=20000):
    """The p-value of a paired bootstrap, with sacrebleu's counting but of both tails (its own counts one)."""
    generator = numpy.random.default_rng(1)
    places = generator.choice(len(first), size=(draws, len(first)), replace=True)
    differences = numpy.array(second)[places].mean(axis=1) - numpy.array(first)[places].mean(axis=1)
    observed = abs(numpy.mean(second) - numpy.mean(first))
    return float(_compute_p_value(numpy.abs(differences - differences.mean()), observed))


comparisons = {
    "wilson": wilson,
    "mcnemar": [[lost, won, float(mcnemar([[10, lost], [won, 10]], exact=True).pvalue)]
                for lost, won in [(0, 0), (0, 5), (1, 9), (3, 3), (12, 25), (200, 260), (0, 40)]],
    "holm": {"p": [0.01, 0.04, 0.03, 0.005, 0.8],
             "adjusted": floats(multipletests([0.01, 0.04, 0.03, 0.005, 0.8], method="holm")[1])},
    "mean": {"scores": scores, "low": float(drawn(scores).low), "high": float(drawn(scores).high)},
    "paired": {"other": other, "low": float(drawn(numpy.array(other) - scores).low),
               "high": float(drawn(numpy.array(other) - scores).high), "p": paired_p_value(scores, other)},
}


# JSON fields and tool calls

def leaves(value, path=()):
    if isinstance(value, dict) and value:
        return {key: leaf for name, inner in value.items() for key, leaf in leaves(inner, (*path, name)).items()}
    return {".".join(path): value}


def canonical(value):
    return json.dumps(value, sort_keys=True)


def read(text):
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return None


def prf(hits, answered, support):
    return [hits / answered if answered else 0, hits / support if support else 0,
            2 * hits / (answered + support) if answered + support else 0]


def random_record():
    return {"name": chance.choice(["Ada", "Alan"]), "age": chance.choice([36, 41, None]),
            "address": {"city": chance.choice(["London", "Paris"]), "zip": chance.choice(["1", "2"])},
            "tags": chance.choice([["a"], ["a", "b"], []])}


def damaged(record):
    text = json.dumps(record | ({"extra": 1} if chance.random() < 0.2 else {}))
    if chance.random() < 0.3:
        changed = json.loads(text)
        changed["address"].pop("zip")
        changed["name"] = "Bob"
        text = json.dumps(changed, indent=2)
    return text[:-3] if chance.random() < 0.15 else text


records = [random_record() for _ in range(50)]
structured_cases = [(damaged(record), json.dumps(record)) for record in records]
hits = answered = support = 0
per_field = {}
for guess, reference in structured_cases:
    wanted, value = leaves(json.loads(reference)), read(guess)
    found = {} if value is None else leaves(value)
    answered, support = answered + len(found), support + len(wanted)
    for name, leaf in wanted.items():
        right = name in found and canonical(found[name]) == canonical(leaf)
        hits += right
        per_field.setdefault(name, []).append(right)
structured = {
    "cases": structured_cases,
    "valid": float(numpy.mean([read(guess) is not None for guess, _ in structured_cases])),
    "equal": float(numpy.mean([read(guess) == json.loads(reference) for guess, reference in structured_cases])),
    "fields": prf(hits, answered, support),
    "per_field": {name: float(numpy.mean(rights)) for name, rights in per_field.items()},
}


def random_call():
    name = chance.choice(["weather", "search", "clock"])
    return {"name": name, "arguments": json.dumps({"q": chance.choice(["x", "y"]), "n": chance.choice([1, 2])})}


def other_calls(calls):
    changed = [random_call() if chance.random() < 0.3 else call for call in calls]
    chance.shuffle(changed)
    return changed[1:] if chance.random() < 0.2 else changed


call_references = [[random_call() for _ in range(chance.randint(0, 3))] for _ in range(60)]
call_cases = [(other_calls(calls), calls) for calls in call_references]
whole = lambda call: (call["name"], canonical(json.loads(call["arguments"])))  # noqa: E731
bag = lambda calls, of: Counter(of(call) for call in calls)  # noqa: E731
shared = lambda made, wanted, of: sum((bag(made, of) & bag(wanted, of)).values())  # noqa: E731
name_of = lambda call: call["name"]  # noqa: E731
share_of = lambda holds: float(numpy.mean([holds(made, wanted) for made, wanted in call_cases]))  # noqa: E731
total_of = lambda number: sum(number(made, wanted) for made, wanted in call_cases)  # noqa: E731
right_calls = total_of(lambda made, wanted: shared(made, wanted, whole))
tool_calls = {
    "cases": call_cases,
    "decision": share_of(lambda made, wanted: bool(made) == bool(wanted)),
    "names": share_of(lambda made, wanted: bag(made, name_of) == bag(wanted, name_of)),
    "set": share_of(lambda made, wanted: bag(made, whole) == bag(wanted, whole)),
    "order": share_of(lambda made, wanted: list(map(whole, made)) == list(map(whole, wanted))),
    "arguments": right_calls / total_of(lambda made, wanted: shared(made, wanted, name_of)),
    "calls": prf(right_calls, total_of(lambda made, _: len(made)), total_of(lambda _, wanted: len(wanted))),
}

packages = ["scikit-learn", "scipy", "statsmodels", "seqeval", "nervaluate", "sacrebleu", "rouge-score", "nltk",
            "transformers", "numpy"]
golden = {
    "made_with": {package: version(package) for package in packages},
    "classifications": classifications, "rankings": rankings, "calibrations": calibrations, "taggings": taggings,
    "corpora": corpora, "squad": squad, "perplexity": perplexity, "comparisons": comparisons,
    "structured": structured, "tool_calls": tool_calls,
}
Path(__file__).with_name("metrics.json").write_text(json.dumps(golden, ensure_ascii=False) + "\n")
