"""The models of the comparisons as PyTorch has them, and which of their weights learn.

Decoders are read by transformers: a GGUF (its weights unpacked to floats) or a folder in the hub's form. An encoder is
read from our GGUF by name, since transformers reads no encoders from such files, and gets our head: a layer over the
first token (after BERT's pooler), over the mean of all tokens, or over each word's first piece.
"""

import os

import torch
from transformers import AutoModelForCausalLM, BertConfig, BertModel


def load(task, dtype):
    path = task["model"]
    if task.get("head"):
        model = Encoder(path, task["head"]).to(dtype)
    elif os.path.isdir(path):
        model = AutoModelForCausalLM.from_pretrained(path, dtype=dtype)
    else:
        folder, file = os.path.split(path)
        model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, dtype=dtype)
    model.train()
    return choose(model, task["train"], task["seed"])


def choose(model, train, seed):
    """Freezes everything that the plan does not train."""
    mode = train["mode"]
    torch.manual_seed(seed)
    if mode == "lora":
        from peft import LoraConfig, get_peft_model

        return get_peft_model(
            model,
            LoraConfig(
                r=train["rank"],
                lora_alpha=train["alpha"],
                lora_dropout=train["dropout"],
                use_rslora=train["rslora"],
                target_modules=train["targets"],
                task_type="CAUSAL_LM",
            ),
        )
    if mode == "full":
        return model
    model.requires_grad_(False)
    if isinstance(model, Encoder):
        trained = [model.output] + ([model.bert.pooler] if model.bert.pooler is not None else [])
        blocks = model.bert.encoder.layer
    else:
        base = model.base_model
        blocks = base.layers if hasattr(base, "layers") else base.h
        trained = [base.norm if hasattr(base, "norm") else base.ln_f]
        if mode == "head" and model.lm_head.weight is model.get_input_embeddings().weight:
            model.config.tie_word_embeddings = False
            model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.detach().clone())
        if model.lm_head.weight is not model.get_input_embeddings().weight:
            trained.append(model.lm_head)
    if mode == "last_layers":
        trained += list(blocks[-train["layers"] :])
    for module in trained:
        module.requires_grad_(True)
    return model


class Encoder(torch.nn.Module):
    def __init__(self, path, head):
        super().__init__()
        self.pooling = head["pooling"]
        self.bert = read_bert(path, with_pooler=self.pooling == "first")
        width = self.bert.config.hidden_size
        self.output = torch.nn.Linear(width, head["outputs"])
        torch.nn.init.normal_(self.output.weight, std=0.02)
        torch.nn.init.zeros_(self.output.bias)

    def forward(self, ids, attention, rows, positions):
        """What each judged text or word is worth to each output; `rows` and `positions` say where they are."""
        out = self.bert(input_ids=ids, attention_mask=attention)
        if self.pooling == "first":
            return self.output(out.pooler_output[rows])
        hidden = out.last_hidden_state
        if self.pooling == "none":
            return self.output(hidden[rows, positions])
        present = attention.unsqueeze(-1).to(hidden.dtype)
        return self.output(((hidden * present).sum(1) / present.sum(1))[rows])


BLOCK = {
    "attn_q": "attention.self.query",
    "attn_k": "attention.self.key",
    "attn_v": "attention.self.value",
    "attn_output": "attention.output.dense",
    "attn_output_norm": "attention.output.LayerNorm",
    "ffn_up": "intermediate.dense",
    "ffn_down": "output.dense",
    "layer_output_norm": "output.LayerNorm",
}
OUTSIDE = {
    "token_embd": "embeddings.word_embeddings",
    "position_embd": "embeddings.position_embeddings",
    "token_types": "embeddings.token_type_embeddings",
    "token_embd_norm": "embeddings.LayerNorm",
    "cls": "pooler.dense",
}


def read_bert(path, with_pooler):
    from gguf import GGUFReader
    from gguf.quants import dequantize

    reader = GGUFReader(path)
    number = lambda key: reader.fields[f"bert.{key}"].contents()
    tensors = {t.name: torch.from_numpy(dequantize(t.data, t.tensor_type).copy()) for t in reader.tensors}
    config = BertConfig(
        vocab_size=tensors["token_embd.weight"].shape[0],
        hidden_size=number("embedding_length"),
        num_hidden_layers=number("block_count"),
        num_attention_heads=number("attention.head_count"),
        intermediate_size=number("feed_forward_length"),
        max_position_embeddings=tensors["position_embd.weight"].shape[0],
        type_vocab_size=tensors["token_types.weight"].shape[0],
        layer_norm_eps=number("attention.layer_norm_epsilon"),
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    bert = BertModel(config, add_pooling_layer=with_pooler)
    state = {}
    for name, tensor in tensors.items():
        stem, kind = name.rsplit(".", 1)
        if stem.startswith("blk."):
            _, layer, module = stem.split(".", 2)
            state[f"encoder.layer.{layer}.{BLOCK[module]}.{kind}"] = tensor
        elif stem in OUTSIDE and (with_pooler or stem != "cls"):
            state[f"{OUTSIDE[stem]}.{kind}"] = tensor
    missing = [n for n in bert.load_state_dict(state, strict=False).missing_keys if "position_ids" not in n]
    if [n for n in missing if not n.startswith("pooler")]:
        raise SystemExit(f"{path} lacks {missing}")
    return bert
