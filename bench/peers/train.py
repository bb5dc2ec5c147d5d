"""The peer: the same fine-tune with PyTorch + transformers + peft on the CPU.

Reads a task that bench/training.ts wrote (token ids and masks made by our own codec, the batches in order, the
hyper-parameters) and prints one JSON line at the end. Same data, same order, same initial adapter, same optimiser,
same schedule; padding to the longest of the batch, which is what the ecosystem's trainers do by default.

    python train.py TASK.json --dtype f32|bf16 --threads N [--adapter init.safetensors]
    python train.py TASK.json --init init.safetensors      # only writes a fresh adapter that both sides start from
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
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM


def load(task, dtype):
    folder, file = os.path.split(task["model"])
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, dtype=dtype)
    lora = task["lora"]
    torch.manual_seed(task["seed"])
    config = LoraConfig(
        r=lora["rank"], lora_alpha=lora["alpha"], lora_dropout=0.0, target_modules=lora["targets"], task_type="CAUSAL_LM"
    )
    return get_peft_model(model, config)


def adapter_tensors(model):
    return {n.replace(".default", ""): p for n, p in model.named_parameters() if "lora_" in n}


def pad(examples):
    longest = max(len(e["ids"]) for e in examples)
    ids = torch.zeros(len(examples), longest, dtype=torch.long)
    labels = torch.full((len(examples), longest), -100)
    attention = torch.zeros(len(examples), longest, dtype=torch.long)
    for row, example in enumerate(examples):
        tokens = torch.tensor(example["ids"])
        mask = torch.tensor(example["mask"], dtype=torch.bool)
        ids[row, : len(tokens)] = tokens
        attention[row, : len(tokens)] = 1
        labels[row, : len(tokens)][mask] = tokens[mask]
    return ids, attention, labels


@torch.no_grad()
def validate(model, examples, batch_size):
    model.eval()
    loss, targets = 0.0, 0
    for at in range(0, len(examples), batch_size):
        ids, attention, labels = pad(examples[at : at + batch_size])
        logits = model(input_ids=ids, attention_mask=attention).logits[:, :-1].float()
        wanted = labels[:, 1:]
        loss += torch.nn.functional.cross_entropy(logits.flatten(0, 1), wanted.flatten(), reduction="sum").item()
        targets += int((wanted != -100).sum())
    model.train()
    return loss / targets


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
    optimizer = torch.optim.AdamW(
        trainable, lr=task["learningRates"][0], betas=(0.9, 0.999), eps=1e-8, weight_decay=task["weightDecay"]
    )
    training = task["training"]
    losses, times, tokens, supervised = [], [], 0, 0
    first_step = None
    total = len(task["steps"])
    for step, indices in enumerate(task["steps"]):
        begin = time.perf_counter()
        for group in optimizer.param_groups:
            group["lr"] = task["learningRates"][step]
        ids, attention, labels = pad([training[i] for i in indices])
        loss = model(input_ids=ids, attention_mask=attention, labels=labels).loss
        loss.backward()
        if task["gradientNormMax"] > 0:
            torch.nn.utils.clip_grad_norm_(trainable, task["gradientNormMax"])
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        times.append(time.perf_counter() - begin)
        tokens += int(attention.sum())
        supervised += int((labels[:, 1:] != -100).sum())
        if first_step is None:
            first_step = time.time() - started
        print(f"{arguments.dtype} step {step + 1}/{total} loss {losses[-1]:.4f} {times[-1]:.2f} s", file=sys.stderr)
    peak_rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    result = {
        "losses": losses,
        "stepSeconds": times,
        "tokens": tokens,
        "supervisedTokens": supervised,
        "firstStepSeconds": first_step,
        "peakRssBytes": peak_rss,
        "validationLoss": validate(model, task["validation"], task["batchSize"]) if task["validation"] else None,
        "sgemmGflops": sgemm_peak(torch.float32),
        "bf16GemmGflops": sgemm_peak(torch.bfloat16),
    }
    print(json.dumps(result))


main()
