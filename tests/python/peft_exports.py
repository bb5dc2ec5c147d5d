"""Holds exports against Hugging Face's own libraries: `sh tests/python/peft.sh` makes them and calls this.

For each kind of tokenizer: the ids of texts and of a conversation are ours; the PEFT export on the exported base, and
the merged export, give the log-probabilities that llama.cpp gives with the base under the adapter, within 1e-3.
"""

import json
import pathlib
import sys

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

TOLERANCE = 1e-3
failures = 0


def check(what, good, detail):
    global failures
    failures += not good
    print(f"{'ok  ' if good else 'FAIL'} {what}: {detail}")


def log_probabilities(model, ids):
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0]
    return torch.log_softmax(logits.double(), -1)


def logits(model, ids):
    with torch.no_grad():
        return model(torch.tensor([ids])).logits[0]


def check_exports(folder):
    name = folder.name
    expected = json.loads((folder / "expected.json").read_text())
    prompt = expected["prompt"]

    for form in ("merged", "peft"):
        tokenizer = AutoTokenizer.from_pretrained(folder / form)
        wrong = [each["text"] for each in expected["texts"] if tokenizer(each["text"]).input_ids != each["ids"]]
        check(f"{name} {form} token ids", not wrong, f"{len(expected['texts']) - len(wrong)} of {len(expected['texts'])} texts {wrong or ''}")
        rendered = tokenizer.apply_chat_template(expected["messages"], add_generation_prompt=True, tokenize=False)
        starts = tokenizer.bos_token is not None and rendered.startswith(tokenizer.bos_token)
        ids = tokenizer(rendered, add_special_tokens=not starts).input_ids
        check(f"{name} {form} conversation", ids == prompt, f"{len(ids)} ids")

    base = AutoModelForCausalLM.from_pretrained(folder / "base", dtype=torch.float32)
    merged = AutoModelForCausalLM.from_pretrained(folder / "merged", dtype=torch.float32)
    bare = logits(base, prompt)
    adapted = PeftModel.from_pretrained(base, folder / "peft").eval()
    between = (logits(adapted, prompt) - logits(merged, prompt)).abs().max().item()
    check(f"{name} peft and merged", between < TOLERANCE, f"logits differ by {between:.1e} at most")
    moved = (logits(adapted, prompt) - bare).abs().max().item()
    check(f"{name} the adapter matters", moved > 0.1, f"it moves logits by {moved:.1f}")
    served = torch.tensor([[float("nan") if each is None else each for each in row] for row in expected["logprobs"]], dtype=torch.float64)
    known = ~served.isnan()
    check(f"{name} llama.cpp told", known.sum(-1).min().item() >= 20, f"{known.float().mean().item():.0%} of the vocabulary")
    for form, model in (("peft", adapted), ("merged", merged)):
        worst = (log_probabilities(model, prompt)[:-1] - served)[known].abs().max().item()
        check(f"{name} {form} and llama.cpp", worst < TOLERANCE, f"log-probabilities differ by {worst:.1e} at most")


for folder in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    if folder.is_dir():
        check_exports(folder)
sys.exit(1 if failures else 0)
