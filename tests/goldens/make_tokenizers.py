"""Goldens for src/text: small byte-level vocabularies as Hugging Face's tokenizers trains them, and their ids.

Run with the package tokenizers: python make_tokenizers.py < strings.json
where strings.json is the list that tests/text/hard-strings.ts makes:
npx tsx -e "import('./tests/text/hard-strings.ts').then((m) => console.log(JSON.stringify(m.hardStrings(260))))"
"""

import json
import pathlib
import sys

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

here = pathlib.Path(__file__).parent
strings = json.load(sys.stdin)
byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
contractions = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"


def llama3(digits: str) -> str:
    return (
        contractions + r"|[^\r\n\p{L}\p{N}]?\p{L}+|" + digits
        + r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    )


def split(pattern: str) -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"), byte_level])


rules = {
    "gpt-2": (None, pre_tokenizers.ByteLevel(add_prefix_space=False)),
    "smollm": (
        None,
        pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        ),
    ),
    "qwen2": (normalizers.NFC(), split(llama3(r"\p{N}"))),
    "llama-bpe": (None, split(llama3(r"\p{N}{1,3}"))),
}

goldens = {"strings": strings}
for name, (normalizer, pre_tokenizer) in rules.items():
    tokenizer = Tokenizer(models.BPE(ignore_merges=name == "llama-bpe"))
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        min_frequency=1,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(strings, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    merges = [rule if isinstance(rule, str) else " ".join(rule) for rule in model["merges"]]
    ids = [tokenizer.encode(text, add_special_tokens=False).ids for text in strings]
    goldens[name] = {"tokens": tokens, "merges": merges, "ids": ids}

text = json.dumps(goldens, ensure_ascii=True, separators=(",", ":"))
(here / "tokenizers.json").write_text(text.replace('],"', '],\n"') + "\n")
