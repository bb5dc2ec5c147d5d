"""Goldens for src/text/word-piece.ts: ids and places of words by transformers' BertTokenizerFast.

Run with the packages transformers and tokenizers: python make_word_piece.py
The strings are those of tokenizers.json; the vocabulary has no U+2581, which our files use as a mark. The sweep puts
every character of Unicode 3.2 (of the upper planes some) between two letters and tells what becomes of it in one letter: d(ropped), s(pace), p(unctuation), a(lone, which is its
own word but no punctuation) or - (part of the word).
"""

import json
import pathlib
import unicodedata

from tokenizers import BertWordPieceTokenizer
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from transformers import BertTokenizerFast

here = pathlib.Path(__file__).parent
strings = json.load(open(here / "tokenizers.json"))["strings"]
specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
out = {}
for name, lowercase in [("uncased", True), ("cased", False)]:
    trained = BertWordPieceTokenizer(lowercase=lowercase, strip_accents=None)
    trained.train_from_iterator([text.replace("\u2581", "") for text in strings], vocab_size=700, min_frequency=1, limit_alphabet=300, show_progress=False,
                                special_tokens=specials)
    vocabulary = trained.get_vocab()
    tokens = sorted(vocabulary, key=vocabulary.get)
    tokenizer = BertTokenizerFast(vocab=vocabulary, do_lower_case=lowercase)
    rows = []
    for text in strings:
        found = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        words = found.word_ids()
        firsts = [i for i, word in enumerate(words) if i == 0 or word != words[i - 1]]
        # Python counts characters, we count UTF-16 units.
        units = [0]
        for character in text:
            units.append(units[-1] + len(character.encode("utf-16-le", "surrogatepass")) // 2)
        spans = []
        for k, first in enumerate(firsts):
            last = (firsts[k + 1] if k + 1 < len(firsts) else len(words)) - 1
            spans.append([units[found["offset_mapping"][first][0]], units[found["offset_mapping"][last][1]]])
        rows.append({"ids": found["input_ids"], "words": spans})
    out[name] = {"tokens": tokens, "rows": rows}


def kind(character: str) -> str:
    text = BertNormalizer(lowercase=True).normalize_str(f"x{character}x")
    pieces = [piece for piece, _ in BertPreTokenizer().pre_tokenize_str(text)]
    if pieces == ["xx"]:
        return "d"
    if pieces == ["x", "x"]:
        return "s"
    if len(pieces) == 1:
        return "-"
    return "p" if unicodedata.category(character)[0] in "PS" else "a"


runs = []
for code in [*range(0xD800), *range(0xE000, 0x10000), *range(0x1F000, 0x1FB00), *range(0x20000, 0x2CF00, 97)]:
    # The tokenizers' tables are old and ours are new: younger characters are nobody's fault.
    if unicodedata.ucd_3_2_0.category(chr(code)) == "Cn":
        continue
    found = kind(chr(code))
    if runs and runs[-1][2] == found and runs[-1][1] == code - 1:
        runs[-1][1] = code
    else:
        runs.append([code, code, found])
out["sweep"] = runs

text = json.dumps(out, ensure_ascii=True, separators=(",", ":"))
(here / "word-piece.json").write_text(text.replace('},{"ids"', '},\n{"ids"') + "\n")
