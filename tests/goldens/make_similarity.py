"""Makes similarity.json: what the reference packages say about pairs of texts.

    python3 -m venv venv && venv/bin/pip install rapidfuzz sacrebleu nltk rouge-score
    venv/bin/python tests/goldens/make_similarity.py

Which package defines which metric:

    fuzzy_match   rapidfuzz.fuzz.ratio / 100
    bleu          sacrebleu.sentence_bleu / 100 (13a words, exponential smoothing, effective order)
    gleu          nltk sentence_gleu, n-grams of 1 to 4, over sacrebleu's 13a words
    meteor        nltk single_meteor_score over the same words, with Porter's stemmer and no WordNet synonyms
    rouge_*       rouge-score without stemming, F-measure
"""

import json
import random
from pathlib import Path

import nltk
import rapidfuzz
import sacrebleu
from nltk.stem.porter import PorterStemmer
from nltk.translate.gleu_score import sentence_gleu
from nltk.translate.meteor_score import single_meteor_score
from rapidfuzz import fuzz
from rouge_score import rouge_scorer
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a


class NoSynonyms:
    """A WordNet without any entry."""

    def synsets(self, word):
        return []


rouge_kinds = ["rouge1", "rouge2", "rouge3", "rouge4", "rouge5", "rougeL"]
words_of = Tokenizer13a()
stemmer = PorterStemmer()
rouge = rouge_scorer.RougeScorer(rouge_kinds, use_stemmer=False)

pairs = [
    ("The cat sat on the mat.", "The cat sat on the mat."),
    ("The cat sat on the mat.", "A cat was sitting on a mat."),
    ("the mat on sat cat the", "the cat sat on the mat"),
    ("", ""),
    ("", "something"),
    ("something", ""),
    ("yes", "no"),
    ("yes", "Yes"),
    ("a", "a"),
    ("It is a guide to action that ensures the military always obeys the party's commands",
     "It is the guiding principle which guarantees the military forces always being under the command of the Party"),
    ("Prices rose 3.5% to $1,234.50 - a record!", "The price rose by 3.5 % to $1,234.50, which is a record"),
    ("caresses ponies ties happily flying relational conditional", "caress pony tie happy flies relate condition"),
    ("He said &quot;hello&quot; &amp; left", 'He said "hello" & left'),
    ("naïve café — déjà vu", "naive cafe - deja vu"),
    ("Ünïcödé 漢字 テスト 🙂🙃", "Ünïcödé 漢字 テスト 🙂"),
    ("línea uno\nlínea dos-\nlínea tres", "línea uno línea dos línea tres"),
    ("a a a a a b b b", "a a b b b b b"),
    ("one two three four five six seven eight", "one two three four five nine ten eight"),
    ("10-20 people, 3.14 and e.g. 1,000.", "10 - 20 people , 3.14 and e . g . 1,000 ."),
    ("the the the the the the the", "the cat is on the mat"),
    ("tab\tand  spaces   here", "tab and spaces here"),
    ("controlling hopping sensitivity radically vietnamization", "control hop sensitive radical vietnamize"),
    ("print(f\"{x[0]!r}\") # done", "print(x[0])  # done"),
]

generator = random.Random(5)
vocabulary = ("time year people way day man thing woman life child world school state family student group country "
              "problem hand part place case week company system program question work government number night point "
              "running jumped quickly studies studied happiness nations national dying skies 12 3.5 , . - !").split()
for _ in range(60):
    reference = generator.choices(vocabulary, k=generator.randint(1, 25))
    guess = [generator.choice(vocabulary) if generator.random() < 0.3 else word for word in reference]
    if generator.random() < 0.5:
        guess = guess[generator.randint(0, 3):]
    if generator.random() < 0.3:
        generator.shuffle(guess)
    pairs.append((" ".join(guess), " ".join(reference)))


def scores(guess, reference):
    guess_words, reference_words = words_of(guess).split(), words_of(reference).split()
    measured = rouge.score(reference, guess)
    return {
        "fuzzy_match": fuzz.ratio(guess, reference) / 100,
        "bleu": sacrebleu.sentence_bleu(guess, [reference]).score / 100,
        "gleu": sentence_gleu([reference_words], guess_words, 1, 4),
        "meteor": single_meteor_score(reference_words, guess_words, stemmer=stemmer, wordnet=NoSynonyms()),
        **{f"rouge_{kind[5:].lower()}": measured[kind].fmeasure for kind in rouge_kinds},
    }


stems = sorted({word for pair in pairs for text in pair for word in text.lower().split()} | set(
    "sky dying lying news innings outing howe proceed tied dies agreed feed plastered bled motoring sing conflated "
    "troubled sized hopping tanned falling hissing fizzed failing filing happy enjoy spy by yyyy valenci hesitanci "
    "digitizer conformabli radicalli differentli vileli analogousli predication operator feudalism decisiveness "
    "hopefulness callousness formaliti sensitiviti sensibiliti geologi triplicate formative formalize electriciti "
    "electrical hopeful goodness revival allowance inference airliner gyroscopic adjustable defensible irritant "
    "replacement adjustment dependent adoption homologou communism activate angulariti homologous effective "
    "bowdlerize probate rate cease controll roll carefulli oed being added aed".split()))

golden = {
    "made_with": {"rapidfuzz": rapidfuzz.__version__, "sacrebleu": sacrebleu.__version__, "nltk": nltk.__version__},
    "pairs": [{"input": guess, "reference": reference, "scores": scores(guess, reference)} for guess, reference in pairs],
    "stems": {word: stemmer.stem(word) for word in stems},
}
text = json.dumps(golden, ensure_ascii=False, indent=1)
Path(__file__).with_name("similarity.json").write_text(text + "\n")
