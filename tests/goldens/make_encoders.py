"""Makes the goldens of encoders: what transformers and peft compute on a small random BERT and DistilBERT.

    python tests/goldens/make_encoders.py     # with torch, transformers, peft, safetensors

The folders families/bert and families/distilbert get a checkpoint as the hub has it, in f32 (config.json,
model.safetensors, tokenizer.json, tokenizer_config.json), and

goldens.safetensors   metadata: token_ids   JSON: [[text, ids], ...], with [CLS] and [SEP]
                                rank, alpha, learning_rates as in make_families.py
                      tensors:
                          sequences.I        int32 [T]: token ids of example I = 0..3
                          labels.KIND.I      int32: what is right; KIND = one (a number), any (3 ones and zeros),
                                             words (a tag for each token between the first and the last)
                          embedding.mean     f32 [4, C]: the mean over the tokens of each example, of length 1
                          logits.KIND        f32: of example 2 (for words, of its tokens between the first and last)
                          loss.KIND          f32 [1]: of all four examples, the mean over examples (or words)
                          gradient.KIND.NAME f32: of that loss, for every weight that it depends on
                          steps.METHOD.losses, steps.METHOD.norms    as in make_families.py, of KIND one (of words for
                                             DistilBERT, which has no pooler)
                      KIND mean is one, with the mean over the tokens straight into the classifier.
"""

import copy
import json
from pathlib import Path

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from safetensors.numpy import save_file
from tokenizers import BertWordPieceTokenizer
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertTokenizerFast,
    DistilBertConfig,
    DistilBertForTokenClassification,
    DistilBertTokenizerFast,
)

FOLDER = Path(__file__).parent / "families"
RANK, ALPHA, STEPS, LABELS, VOCABULARY = 4, 8, 10, 3, 160
LEARNING_RATES = {"lora": 1e-2, "full": 1e-3, "last_layers": 1e-3, "head": 1e-2}
TEXTS = [
    "Buy cheap tickets now, free offer! Dear friend, see you at 10:45.",
    "The quick brown fox jumps over the lazy dog, and the other animals sing.",
    "Ada Lovelace wrote to Charles Babbage in London about the Analytical Engine.",
    "Äpfel, Öl und Übermut. Où est le garçon? 你好",
    "",
]
cross_entropy = torch.nn.functional.cross_entropy
binary = torch.nn.functional.binary_cross_entropy_with_logits


def randomise(model):
    for name, parameter in model.named_parameters():
        noise = torch.randn_like(parameter)
        if name.endswith("bias"):
            parameter.copy_(0.2 * noise)
        elif parameter.dim() == 1:
            parameter.copy_(1 + 0.3 * noise)
        else:
            parameter.copy_(noise / parameter.shape[1] ** 0.5)


def examples():
    found = []
    for length in [9, 5, 14, 6]:
        ids = torch.randint(5, VOCABULARY, (length,))
        ids[0], ids[-1] = 2, 3
        found.append(
            dict(
                ids=ids,
                one=torch.randint(0, LABELS, ()),
                any=torch.randint(0, 2, (LABELS,)),
                words=torch.randint(0, LABELS, (length - 2,)),
            )
        )
    return found


def hidden(model, ids):
    return model.base_model(input_ids=ids[None]).last_hidden_state[0]


def logits(model, ids, kind):
    if kind == "words":
        return model.classifier(hidden(model, ids)[1:-1])
    if kind == "mean":
        return model.classifier(hidden(model, ids).mean(0))
    return model(input_ids=ids[None]).logits[0]


def mean_loss(model, chosen, kind):
    if kind == "words":
        total = sum(cross_entropy(logits(model, e["ids"], kind), e["words"], reduction="sum") for e in chosen)
        return total / sum(len(e["words"]) for e in chosen)
    if kind == "any":
        return sum(binary(logits(model, e["ids"], kind), e["any"].float()) for e in chosen) / len(chosen)
    return sum(cross_entropy(logits(model, e["ids"], kind), e["one"]) for e in chosen) / len(chosen)


def ten_steps(model, trainable, data, learning_rate, kind):
    groups = [
        dict(params=[p for p in trainable if p.dim() > 1], weight_decay=0.01),
        dict(params=[p for p in trainable if p.dim() == 1], weight_decay=0.0),
    ]
    optimizer = torch.optim.AdamW(groups, lr=learning_rate)
    losses, norms = [], []
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = mean_loss(model, [data[step % 4], data[(step + 1) % 4]], kind)
        loss.backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_(trainable, 1.0)))
        optimizer.step()
        losses.append(float(loss.detach()))
    return np.array(losses, dtype=np.float32), np.array(norms, dtype=np.float32)


def is_head(name):
    return "classifier" in name or "pooler" in name


def make(name, build, tokenizer_class, kinds, last, targets):
    torch.manual_seed(21)
    folder = FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    learner = BertWordPieceTokenizer(lowercase=True)
    learner.train_from_iterator(
        TEXTS * 3,
        vocab_size=VOCABULARY,
        min_frequency=1,
        show_progress=False,
        special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
    )
    assert learner.get_vocab_size() <= VOCABULARY, learner.get_vocab_size()
    vocabulary = learner.get_vocab()
    for i in range(VOCABULARY - len(vocabulary)):
        vocabulary[f"[unused{i}]"] = len(vocabulary)
    tokenizer = tokenizer_class(vocab=vocabulary, do_lower_case=True)
    tokenizer.save_pretrained(folder)
    for other in folder.glob("*token*"):
        if other.name not in ("tokenizer.json", "tokenizer_config.json"):
            other.unlink()
    model = build().float().eval()
    with torch.no_grad():
        randomise(model)
    model.save_pretrained(folder)
    data = examples()
    out = {}
    for i, example in enumerate(data):
        out[f"sequences.{i}"] = example["ids"].int().numpy()
        for kind in ["one", "any", "words"]:
            out[f"labels.{kind}.{i}"] = example[kind].int().reshape(-1).numpy()
    with torch.no_grad():
        means = torch.stack([hidden(model, e["ids"]).mean(0) for e in data])
        out["embedding.mean"] = torch.nn.functional.normalize(means, dim=1).numpy()
    for kind in kinds:
        model.zero_grad()
        loss = mean_loss(model, data, kind)
        loss.backward()
        out[f"logits.{kind}"] = logits(model, data[2]["ids"], kind).detach().numpy()
        out[f"loss.{kind}"] = loss.detach().reshape(1).numpy()
        for parameter_name, parameter in model.named_parameters():
            if parameter.grad is not None:
                out[f"gradient.{kind}.{parameter_name}"] = parameter.grad.clone().numpy()
    model.zero_grad()
    kind = kinds[0]
    methods = {
        "full": lambda n: True,
        "last_layers": lambda n: is_head(n) or last in n,
        "head": is_head,
    }
    for method, chosen in methods.items():
        trained = copy.deepcopy(model)
        for parameter_name, parameter in trained.named_parameters():
            parameter.requires_grad_(chosen(parameter_name))
        trainable = [p for p in trained.parameters() if p.requires_grad]
        losses, norms = ten_steps(trained, trainable, data, LEARNING_RATES[method], kind)
        out[f"steps.{method}.losses"], out[f"steps.{method}.norms"] = losses, norms
    lora = LoraConfig(r=RANK, lora_alpha=ALPHA, lora_dropout=0.0, target_modules=targets, bias="none")
    adapted = get_peft_model(copy.deepcopy(model), lora).eval()
    trainable = {}
    for parameter_name, parameter in adapted.named_parameters():
        if is_head(parameter_name):
            parameter.requires_grad_(True)
        if parameter.requires_grad:
            trainable[parameter_name.replace(".default", "")] = parameter
    with torch.no_grad():
        for parameter_name, parameter in trainable.items():
            if "lora_" in parameter_name:
                parameter.copy_(torch.randn_like(parameter) / parameter.shape[1] ** 0.5 * 0.5)
    for parameter_name, parameter in trainable.items():
        out[f"lora.parameter.{parameter_name}"] = parameter.detach().clone().numpy()
    losses, norms = ten_steps(adapted.base_model.model, list(trainable.values()), data, LEARNING_RATES["lora"], kind)
    out["steps.lora.losses"], out["steps.lora.norms"] = losses, norms
    metadata = dict(
        rank=RANK,
        alpha=ALPHA,
        targets=",".join(targets),
        learning_rates=json.dumps(LEARNING_RATES),
        token_ids=json.dumps([[text, tokenizer(text).input_ids] for text in TEXTS]),
    )
    save_file(out, folder / "goldens.safetensors", metadata={key: str(value) for key, value in metadata.items()})
    print(name, {path.name: path.stat().st_size // 1024 for path in folder.iterdir()}, losses)


make(
    "bert",
    lambda: BertForSequenceClassification(
        BertConfig(
            vocab_size=VOCABULARY,
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=24,
            max_position_embeddings=48,
            num_labels=LABELS,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        )
    ),
    BertTokenizerFast,
    ["one", "any", "words", "mean"],
    "layer.1.",
    ["query", "key", "value", "attention.output.dense", "intermediate.dense", "output.dense"],
)
make(
    "distilbert",
    lambda: DistilBertForTokenClassification(
        DistilBertConfig(
            vocab_size=VOCABULARY,
            dim=16,
            n_layers=2,
            n_heads=2,
            hidden_dim=24,
            max_position_embeddings=48,
            num_labels=LABELS,
            dropout=0.0,
            attention_dropout=0.0,
        )
    ),
    DistilBertTokenizerFast,
    ["words"],
    "layer.1.",
    ["q_lin", "k_lin", "v_lin", "out_lin", "lin1", "lin2"],
)
