"""Makes the goldens of the ways to train: what PyTorch, transformers and peft compute for the tiny Llamas.

    python tests/goldens/make_methods.py        # in an environment with torch, transformers, peft, gguf, safetensors

Reads NAME.gguf and NAME.safetensors, which make_llama.py has made, and writes NAME-methods.safetensors:

    loss, gradient.GGUF_NAME        of the model without LoRA: mean cross entropy over the judged tokens of the four
                                    examples, and its gradient by every weight (rows in PyTorch's order). The gradient of
                                    "output.weight" in the tied model is that of a head that has left the embedding.
    smoothed.loss                   the same with label smoothing of 0.1, and
    smoothed.gradient.GGUF_NAME     its gradient by the final norm and by the head of its own
    MODE.losses, MODE.norms         f32 [10]: of ten steps of AdamW as in make_llama.py, but training the weights of
                                    MODE = full, last_layers (1), head; gains do not decay
    rslora.losses, rslora.norms     the same with LoRA, scaled by alpha / sqrt(rank)
    dpo.loss, dpo.margins           of LoRA, beta 0.5: pairs of examples (0, 1) and (2, 3), the reference being the model
    dpo.gradient.PEFT_NAME          without its adapter, and gradients
    dpo.losses                      f32 [10]: of ten steps of AdamW on both pairs
"""

from pathlib import Path

import gguf
import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from safetensors import safe_open
from safetensors.numpy import save_file
from transformers import LlamaConfig, LlamaForCausalLM

FOLDER = Path(__file__).parent
STEPS, BETA, SMOOTHING = 10, 0.5, 0.1
MODULES = {
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def torch_name(name):
    fixed = {
        "token_embd.weight": "model.embed_tokens.weight",
        "output_norm.weight": "model.norm.weight",
        "output.weight": "lm_head.weight",
    }
    if name in fixed:
        return fixed[name]
    _, layer, module, ending = name.split(".")
    return f"model.layers.{layer}.{MODULES[module]}.{ending}"


def unpermuted(weight, heads):
    return weight.reshape(heads, weight.shape[0] // heads // 2, 2, -1).swapaxes(1, 2).reshape(weight.shape)


def load(name):
    reader = gguf.GGUFReader(FOLDER / f"{name}.gguf")
    number = lambda key: reader.fields[f"llama.{key}"].parts[-1][0].item()
    tensors = {t.name: np.array(t.data, dtype=np.float32).reshape(tuple(reversed(t.shape.tolist()))) for t in reader.tensors}
    heads, key_heads = number("attention.head_count"), number("attention.head_count_kv")
    config = LlamaConfig(
        vocab_size=tensors["token_embd.weight"].shape[0],
        hidden_size=number("embedding_length"),
        intermediate_size=number("feed_forward_length"),
        num_hidden_layers=number("block_count"),
        num_attention_heads=heads,
        num_key_value_heads=key_heads,
        head_dim=number("attention.key_length"),
        max_position_embeddings=number("context_length"),
        rms_norm_eps=number("attention.layer_norm_rms_epsilon"),
        tie_word_embeddings="output.weight" not in tensors,
        rope_parameters={"rope_type": "default", "rope_theta": number("rope.freq_base")},
        attn_implementation="eager",
    )
    model = LlamaForCausalLM(config).float().eval()
    state = {}
    for key, value in tensors.items():
        if "attn_q." in key:
            value = unpermuted(value, heads)
        if "attn_k." in key:
            value = unpermuted(value, key_heads)
        state[torch_name(key)] = torch.from_numpy(np.ascontiguousarray(value))
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected and set(missing) <= {"lm_head.weight"}, (missing, unexpected)
    model.tie_weights()
    return model, list(tensors)


def untied(model):
    """The same model with a head that is a copy of the embedding."""
    model.config.tie_word_embeddings = False
    model.lm_head.weight = torch.nn.Parameter(model.model.embed_tokens.weight.detach().clone())
    return model


def mean_loss(model, examples, smoothing=0.0):
    judged = sum(int(mask.sum()) for _, mask in examples)
    total = 0.0
    for ids, mask in examples:
        logits = model(ids[None]).logits[0]
        losses = torch.nn.functional.cross_entropy(logits[:-1], ids[1:], reduction="none", label_smoothing=smoothing)
        total = total + (losses * mask[1:]).sum() / judged
    return total


def log_probability(model, example):
    ids, mask = example
    logs = model(ids[None]).logits[0].log_softmax(-1)[:-1].gather(1, ids[1:, None])[:, 0]
    return (logs * mask[1:]).sum()


def decayed(parameters):
    return [
        dict(params=[p for p in parameters if p.ndim > 1], weight_decay=0.01),
        dict(params=[p for p in parameters if p.ndim == 1], weight_decay=0.0),
    ]


def train(parameters, learning_rate, loss_at):
    optimizer = torch.optim.AdamW(decayed(parameters), lr=learning_rate)
    losses, norms = [], []
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = loss_at(step)
        loss.backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_(parameters, 1.0)))
        optimizer.step()
        losses.append(float(loss.detach()))
    return np.array(losses, dtype=np.float32), np.array(norms, dtype=np.float32)


def make(name):
    golden = safe_open(FOLDER / f"{name}.safetensors", "pt")
    facts = golden.metadata()
    rate = float(facts["learning_rate"])
    examples = [(golden.get_tensor(f"sequences.{i}").long(), golden.get_tensor(f"mask.{i}")) for i in range(4)]
    two = lambda model: lambda step: mean_loss(model, [examples[step % 4], examples[(step + 1) % 4]])
    out = {}

    model, names = load(name)
    tied = model.config.tie_word_embeddings
    loss = mean_loss(model, examples)
    loss.backward()
    out["loss"] = loss.detach().reshape(1).numpy()
    parameters = dict(model.named_parameters())
    for key in names:
        out[f"gradient.{key}"] = parameters[torch_name(key)].grad.clone().numpy()
    if tied:
        model = untied(load(name)[0])
        mean_loss(model, examples).backward()
        out["gradient.output.weight"] = model.lm_head.weight.grad.clone().numpy()
    model.zero_grad()
    loss = mean_loss(model, examples, SMOOTHING)
    loss.backward()
    out["smoothed.loss"] = loss.detach().reshape(1).numpy()
    out["smoothed.gradient.output_norm.weight"] = model.model.norm.weight.grad.clone().numpy()
    out["smoothed.gradient.output.weight"] = model.lm_head.weight.grad.clone().numpy()

    for mode in ["full", "last_layers", "head"]:
        model, names = load(name)
        if mode == "head" and tied:
            untied(model)
        last = f"blk.{model.config.num_hidden_layers - 1}."
        ends = {"output_norm.weight", "output.weight"}
        chosen = dict(
            full=names,
            last_layers=[key for key in names if key.startswith(last) or key in ends],
            head=list(ends),
        )[mode]
        parameters = dict(model.named_parameters())
        trained = [parameters[torch_name(key)] for key in chosen]
        for parameter in model.parameters():
            parameter.requires_grad_(any(parameter is one for one in trained))
        out[f"{mode}.losses"], out[f"{mode}.norms"] = train(trained, rate, two(model))

    def adapted(rslora):
        lora = LoraConfig(
            r=int(facts["rank"]),
            lora_alpha=float(facts["alpha"]),
            lora_dropout=0.0,
            target_modules=facts["targets"].split(","),
            use_rslora=rslora,
            bias="none",
        )
        model = get_peft_model(load(name)[0], lora).eval()
        trainable = {}
        for parameter_name, parameter in model.named_parameters():
            if parameter.requires_grad:
                trainable[parameter_name.replace(".default", "")] = parameter
        with torch.no_grad():
            for parameter_name, parameter in trainable.items():
                parameter.copy_(golden.get_tensor(f"parameter.{parameter_name}"))
        return model, trainable

    model, trainable = adapted(True)
    out["rslora.losses"], out["rslora.norms"] = train(list(trainable.values()), rate, two(model))

    model, trainable = adapted(False)
    pairs = [(examples[0], examples[1]), (examples[2], examples[3])]
    with torch.no_grad(), model.disable_adapter():
        references = [log_probability(model, better) - log_probability(model, worse) for better, worse in pairs]
    margins = lambda: [
        BETA * (log_probability(model, better) - log_probability(model, worse) - reference)
        for (better, worse), reference in zip(pairs, references)
    ]
    dpo = lambda _: sum(-torch.nn.functional.logsigmoid(margin) for margin in margins()) / len(pairs)
    loss = dpo(0)
    loss.backward()
    out["dpo.loss"] = loss.detach().reshape(1).numpy()
    out["dpo.margins"] = np.array([float(margin) for margin in margins()], dtype=np.float32)
    for parameter_name, parameter in trainable.items():
        out[f"dpo.gradient.{parameter_name}"] = parameter.grad.clone().numpy()
    out["dpo.losses"], _ = train(list(trainable.values()), rate, dpo)

    metadata = dict(beta=BETA, smoothing=SMOOTHING)
    save_file(out, FOLDER / f"{name}-methods.safetensors", metadata={key: str(value) for key, value in metadata.items()})
    print(name, {key: (value[0], value[-1]) for key, value in out.items() if key.endswith("losses")})


for name in ["llama-tied", "llama-untied"]:
    make(name)
