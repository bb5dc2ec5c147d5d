"""Counts a chat file's tokens the way most people do: json, tiktoken, a loop. Prints {"tokens": …, "seconds": …}.

    data_tokens.py FILE ENCODING RANKS
"""

import json
import sys
import time
from pathlib import Path

import tiktoken
import tiktoken.load
import tiktoken_ext.openai_public as public

path, name, ranks = sys.argv[1:]
from_url = tiktoken.load.load_tiktoken_bpe
public.load_tiktoken_bpe = lambda url, expected_hash: from_url(str(Path(ranks) / url.split("/")[-1]), expected_hash)
encoding = tiktoken.Encoding(**getattr(public, name)())
encoding.encode("ready")

start = time.perf_counter()
tokens = 0
with open(path, encoding="utf-8") as file:
    for line in file:
        tokens += 3
        for message in json.loads(line)["messages"]:
            tokens += 3
            for key, value in message.items():
                tokens += len(encoding.encode(value, disallowed_special=()))
                if key == "name":
                    tokens += 1
print(json.dumps({"tokens": tokens, "seconds": time.perf_counter() - start}))
