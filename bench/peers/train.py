"""The peer: the same fine-tune with PyTorch + transformers + peft on the CPU.

Reads a task that bench/peer.ts wrote (token ids and masks made by our own codec, the batches in order, the
hyper-parameters) and prints one JSON line at the end. Same data, same order, same initial adapter, same optimiser,
same schedule; padding to the longest of the batch, which is what the ecosystem's trainers do by default.

    python train.py TASK.json --dtype f32|bf16 --threads N [--adapter init.safetensors] [--judged-only]
    python train.py TASK.json --init init.safetensors      # only writes a fresh adapter that both sides start from

An example is {ids, mask}; of an encoder {ids, positions, targets}; of two answers {better, worse}, each {ids, mask}.
"""

import time

started = time.time()

import argparse
import json
import os
import resource
import sys

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

from models import load


def adapter_tensors(model):
    return {n.replace(".default", ""): p for n, p in model.named_parameters() if "lora_" in n}


def pad(examples):
    longest = max(len(e["ids"]) for e in examples)
    ids = torch.zeros(len(examples), longest, dtype=torch.long)
    labels = torch.full((len(examples), longest), -100)
    attention = torch.zeros(len(examples), longest, dtype=torch.long)
    for row, example in enumerate(examples):
        tokens = torch.tensor(example["ids"])
        ids[row, : len(tokens)] = tokens
        attention[row, : len(tokens)] = 1
        if "mask" in example:
            mask = torch.tensor(example["mask"], dtype=torch.bool)
            labels[row, : len(tokens)][mask] = tokens[mask]
    return ids, attention, labels


class Likelihood:
    """Cross entropy of the supervised tokens, as transformers computes it."""

    def __init__(self, model):
        self.model = model

    def loss(self, examples):
        ids, attention, labels = pad(examples)
        count = int((labels[:, 1:] != -100).sum())
        return self.model(input_ids=ids, attention_mask=attention, labels=labels).loss, count, int(attention.sum())

    def judge(self, examples):
        """Summed loss, supervised tokens, and for each example whether every target was the likeliest."""
        ids, attention, labels = pad(examples)
        logits = self.model(input_ids=ids, attention_mask=attention).logits[:, :-1].float()
        wanted = labels[:, 1:]
        loss = F.cross_entropy(logits.flatten(0, 1), wanted.flatten(), reduction="sum").item()
        right = (logits.argmax(-1) == wanted) | (wanted == -100)
        return loss, int((wanted != -100).sum()), right.all(1).tolist()


class JudgedLikelihood:
    """The same numbers with logits of the supervised tokens only, which no trainer of the ecosystem does: for quality,
    where PyTorch's own time is not what is measured. Of Gemma's step the other logits are more than half."""

    def __init__(self, model):
        whole = model.get_base_model() if hasattr(model, "get_base_model") else model
        self.blocks = whole.base_model
        self.output = whole.get_output_embeddings()

    def logits(self, examples):
        ids, attention, labels = pad(examples)
        judged = labels[:, 1:] != -100
        hidden = self.blocks(input_ids=ids, attention_mask=attention).last_hidden_state[:, :-1]
        return self.output(hidden[judged]).float(), labels[:, 1:][judged], judged, int(attention.sum())

    def loss(self, examples):
        logits, targets, _, tokens = self.logits(examples)
        return F.cross_entropy(logits, targets), len(targets), tokens

    def judge(self, examples):
        logits, targets, judged, _ = self.logits(examples)
        right = torch.ones_like(judged)
        right[judged] = logits.argmax(-1) == targets
        return F.cross_entropy(logits, targets, reduction="sum").item(), len(targets), right.all(1).tolist()


class Labels:
    """Cross entropy of the labels of texts or words."""

    def __init__(self, model):
        self.model = model

    def logits(self, examples):
        ids, attention, _ = pad(examples)
        rows = torch.tensor([row for row, e in enumerate(examples) for _ in e["positions"]])
        positions = torch.tensor([p for e in examples for p in e["positions"]])
        targets = torch.tensor([t for e in examples for t in e["targets"]])
        return self.model(ids, attention, rows, positions).float(), targets, int(attention.sum())

    def loss(self, examples):
        logits, targets, tokens = self.logits(examples)
        return F.cross_entropy(logits, targets), len(targets), tokens

    def judge(self, examples):
        """As above; for each example the outputs that were likeliest."""
        logits, targets, _ = self.logits(examples)
        sizes = [len(e["positions"]) for e in examples]
        answers = [part.tolist() for part in logits.argmax(-1).split(sizes)]
        return F.cross_entropy(logits, targets, reduction="sum").item(), len(targets), answers


class Preference:
    """DPO. What the model thought before it was trained is asked once, so that no second model is needed."""

    def __init__(self, model, beta, pairs):
        self.model = model
        self.beta = beta
        self.references = {}
        with torch.no_grad():
            for pair in pairs:
                self.references[id(pair)] = self.margins([pair]).detach()

    def margins(self, pairs):
        ids, attention, labels = pad([p["better"] for p in pairs] + [p["worse"] for p in pairs])
        logits = self.model(input_ids=ids, attention_mask=attention).logits[:, :-1].float()
        wanted = labels[:, 1:]
        logs = -F.cross_entropy(logits.flatten(0, 1), wanted.flatten(), reduction="none").view(wanted.shape).sum(1)
        better, worse = logs.chunk(2)
        return better - worse

    def losses(self, pairs):
        references = torch.cat([self.references[id(p)] for p in pairs])
        return -F.logsigmoid(self.beta * (self.margins(pairs) - references))

    def loss(self, pairs):
        both = [p[side] for p in pairs for side in ("better", "worse")]
        supervised = sum(sum(e["mask"][1:]) for e in both)
        return self.losses(pairs).mean(), supervised, sum(len(e["ids"]) for e in both)

    def judge(self, pairs):
        losses = self.losses(pairs)
        return losses.sum().item(), len(pairs), (losses < 0.6931471).tolist()


def objective(model, task, judged_only):
    if task.get("head"):
        return Labels(model)
    if task.get("beta") is not None:
        return Preference(model, task["beta"], task["training"] + task["validation"])
    return JudgedLikelihood(model) if judged_only else Likelihood(model)


@torch.no_grad()
def evaluate(model, goal, examples, batch_size):
    model.eval()
    loss, count, answers = 0.0, 0, []
    for at in range(0, len(examples), batch_size):
        part, targets, answered = goal.judge(examples[at : at + batch_size])
        loss, count = loss + part, count + targets
        answers += answered
    model.train()
    return loss / count, answers


def sgemm_peak(dtype, size=1024, rounds=20):
    a = torch.randn(size, size).to(dtype)
    b = torch.randn(size, size).to(dtype)
    best = 0.0
    for _ in range(3):
        begin = time.perf_counter()
        for _ in range(rounds):
            a @ b
        best = max(best, rounds * 2 * size**3 / (time.perf_counter() - begin) / 1e9)
    return best


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("task")
    arguments.add_argument("--dtype", choices=["f32", "bf16"], default="f32")
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--adapter")
    arguments.add_argument("--judged-only", action="store_true")
    arguments.add_argument("--init")
    arguments = arguments.parse_args()
    torch.set_num_threads(arguments.threads)
    with open(arguments.task) as file:
        task = json.load(file)
    model = load(task, torch.float32 if arguments.dtype == "f32" else torch.bfloat16)
    if arguments.init:
        save_file({n: p.detach().float().contiguous() for n, p in adapter_tensors(model).items()}, arguments.init)
        return
    if arguments.adapter:
        initial = load_file(arguments.adapter)
        for name, parameter in adapter_tensors(model).items():
            parameter.data.copy_(initial[name])
    trainable = [p for p in model.parameters() if p.requires_grad]
    # As ours: matrices decay, gains and biases do not.
    groups = [
        {"params": [p for p in trainable if p.ndim > 1], "weight_decay": task["weightDecay"]},
        {"params": [p for p in trainable if p.ndim <= 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=task["learningRates"][0], betas=(0.9, 0.999), eps=1e-8)
    goal = objective(model, task, arguments.judged_only)
    training = task["training"]
    losses, times, tokens, supervised = [], [], 0, 0
    first_step = None
    total = len(task["steps"])
    for step, indices in enumerate(task["steps"]):
        begin = time.perf_counter()
        for group in optimizer.param_groups:
            group["lr"] = task["learningRates"][step]
        loss, judged, seen = goal.loss([training[i] for i in indices])
        loss.backward()
        if task["gradientNormMax"] > 0:
            torch.nn.utils.clip_grad_norm_(trainable, task["gradientNormMax"])
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        times.append(time.perf_counter() - begin)
        tokens += seen
        supervised += judged
        if first_step is None:
            first_step = time.time() - started
        print(f"{arguments.dtype} step {step + 1}/{total} loss {losses[-1]:.4f} {times[-1]:.2f} s", file=sys.stderr)
    # Before the evaluations, which are no part of what is compared.
    peak_rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    validation = task["validation"]
    result = {
        "losses": losses,
        "stepSeconds": times,
        "tokens": tokens,
        "supervisedTokens": supervised,
        "trainableParameters": sum(p.numel() for p in trainable),
        "firstStepSeconds": first_step,
        "peakRssBytes": peak_rss,
        "validationLoss": evaluate(model, goal, validation, task["batchSize"])[0] if validation else None,
        "answers": evaluate(model, goal, task["test"], task["batchSize"])[1] if task.get("test") else None,
        "sgemmGflops": sgemm_peak(torch.float32),
        "bf16GemmGflops": sgemm_peak(torch.bfloat16),
    }
    print(json.dumps(result))


main()
