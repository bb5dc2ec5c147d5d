"""A GPT-2 of 124M parameters that nobody trained, in the hub's form: what a speed needs, and nothing else.

    python make_gpt2.py TEXTS.txt FOLDER [--small]

Its tokenizer is learnt from the texts (a byte-level BPE as GPT-2's), so that they become about as many tokens as they
would with the real one; places of the vocabulary that the texts do not fill have names that no text can have.
"""

import argparse
import json
import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

arguments = argparse.ArgumentParser()
arguments.add_argument("texts")
arguments.add_argument("folder")
arguments.add_argument("--small", action="store_true", help="two narrow layers, to see that it works")
arguments = arguments.parse_args()

END = "<|endoftext|>"
size = 50257
tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.decoder = decoders.ByteLevel()
alphabet = pre_tokenizers.ByteLevel.alphabet()
tokenizer.train(
    [arguments.texts],
    trainers.BpeTrainer(vocab_size=size - 1, initial_alphabet=alphabet, special_tokens=[], show_progress=False),
)
written = json.loads(tokenizer.to_str())
vocabulary = written["model"]["vocab"]
for place in range(len(vocabulary), size - 1):
    vocabulary[f"{END}{place}"] = place
vocabulary[END] = size - 1
tokenizer = Tokenizer.from_str(json.dumps(written))
PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=END, eos_token=END, unk_token=END).save_pretrained(
    arguments.folder
)

torch.manual_seed(7)
sizes = {"n_embd": 64, "n_layer": 2, "n_head": 2} if arguments.small else {}
config = GPT2Config(
    vocab_size=size,
    n_positions=2048,
    bos_token_id=size - 1,
    eos_token_id=size - 1,
    resid_pdrop=0.0,
    embd_pdrop=0.0,
    attn_pdrop=0.0,
    **sizes,
)
GPT2LMHeadModel(config).save_pretrained(arguments.folder)
