"""Makes the goldens of the tiny Llamas: what transformers and peft compute on small random models.

    python tests/goldens/make_llama.py          # in an environment with torch, transformers, peft, gguf, safetensors

For each model NAME two files appear beside this script:

NAME.gguf          the base model as llama.cpp keeps it (f32, rows of q and k in llama.cpp's order), no tokenizer
NAME.safetensors   metadata (all values are texts):
                       rank, alpha             of the LoRA
                       targets                 its modules, separated by commas
                       learning_rate           of the 20 steps below
                   tensors:
                       sequences.I             int32 [T]: token ids of example I = 0..3
                       mask.I                  int32 [T]: 1 where token t is judged, as the target of position t - 1
                       parameter.PEFT_NAME     f32: LoRA weights before the first step (A and B both random)
                       logits.I                f32 [T, vocabulary]: of example I, alone, with this LoRA
                       loss                    f32 [1]: mean cross entropy over the judged tokens of all four examples
                       gradient.PEFT_NAME      f32: of that loss
                       steps.losses            f32 [20]: loss before each update of 20 steps of AdamW
                       steps.norms             f32 [20]: global gradient norm before clipping

Step s = 0..19 trains on examples s % 4 and (s + 1) % 4, with the mean cross entropy over their judged tokens, a
constant learning rate, betas 0.9 and 0.999, epsilon 1e-8, weight decay 0.01 and the gradient norm clipped to 1.

llama-tied      4 heads on 2 key heads, tied embeddings, LoRA on all seven linear layers
llama-untied    head size unlike width / heads, its own head, another rotary base, LoRA on q, v and down
"""

from pathlib import Path

import gguf
import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from safetensors.numpy import save_file
from transformers import LlamaConfig, LlamaForCausalLM

FOLDER = Path(__file__).parent
VOCABULARY = 96
ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
MODELS = {
    "llama-tied": dict(tie_word_embeddings=True, head_dim=8, rope_theta=10000.0, targets=ALL),
    "llama-untied": dict(
        tie_word_embeddings=False, head_dim=12, rope_theta=500000.0, targets=["q_proj", "v_proj", "down_proj"]
    ),
}
RANK, ALPHA, LEARNING_RATE, STEPS = 4, 8, 1e-2, 20


def permuted(weight, heads):
    """Rows of a head from (half, pair) to (pair, half) order, as llama.cpp's converter leaves them."""
    return weight.reshape(heads, 2, weight.shape[0] // heads // 2, -1).swapaxes(1, 2).reshape(weight.shape)


def write_gguf(path, model, config):
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(MODELS[path.stem]["rope_theta"])
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    state = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    writer.add_tensor("token_embd.weight", state["model.embed_tokens.weight"])
    writer.add_tensor("output_norm.weight", state["model.norm.weight"])
    if not config.tie_word_embeddings:
        writer.add_tensor("output.weight", state["lm_head.weight"])
    for layer in range(config.num_hidden_layers):
        of = lambda name: state[f"model.layers.{layer}.{name}.weight"]
        tensors = {
            "attn_norm": of("input_layernorm"),
            "ffn_norm": of("post_attention_layernorm"),
            "attn_q": permuted(of("self_attn.q_proj"), config.num_attention_heads),
            "attn_k": permuted(of("self_attn.k_proj"), config.num_key_value_heads),
            "attn_v": of("self_attn.v_proj"),
            "attn_output": of("self_attn.o_proj"),
            "ffn_gate": of("mlp.gate_proj"),
            "ffn_up": of("mlp.up_proj"),
            "ffn_down": of("mlp.down_proj"),
        }
        for name, tensor in tensors.items():
            writer.add_tensor(f"blk.{layer}.{name}.weight", np.ascontiguousarray(tensor))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def mean_loss(model, examples):
    """Each example alone, the sum over judged tokens divided by their number in all."""
    judged = sum(int(mask.sum()) for _, mask in examples)
    total = 0.0
    for ids, mask in examples:
        logits = model(ids[None]).logits[0]
        losses = torch.nn.functional.cross_entropy(logits[:-1], ids[1:], reduction="none")
        total = total + (losses * mask[1:]).sum() / judged
    return total


def make(name):
    settings = MODELS[name]
    torch.manual_seed(20)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=settings["head_dim"],
        max_position_embeddings=128,
        rms_norm_eps=1e-5,
        tie_word_embeddings=settings["tie_word_embeddings"],
        rope_parameters={"rope_type": "default", "rope_theta": settings["rope_theta"]},
        attn_implementation="eager",
    )
    base = LlamaForCausalLM(config).float().eval()
    with torch.no_grad():
        for parameter_name, parameter in base.named_parameters():
            if "norm" in parameter_name:
                parameter.copy_(1 + 0.3 * torch.randn_like(parameter))
            else:
                parameter.copy_(torch.randn_like(parameter) / parameter.shape[1] ** 0.5)
    write_gguf(FOLDER / f"{name}.gguf", base, config)

    lora = LoraConfig(r=RANK, lora_alpha=ALPHA, lora_dropout=0.0, target_modules=settings["targets"], bias="none")
    model = get_peft_model(base, lora).eval()
    trainable = {}
    for parameter_name, parameter in model.named_parameters():
        if parameter.requires_grad:
            trainable[parameter_name.replace(".default", "")] = parameter
    with torch.no_grad():
        for parameter in trainable.values():
            parameter.copy_(torch.randn_like(parameter) / parameter.shape[1] ** 0.5 * 0.5)

    examples = []
    for length, prompt in [(11, 4), (7, 2), (23, 12), (5, 1)]:
        mask = torch.zeros(length, dtype=torch.int32)
        mask[prompt:] = 1
        examples.append((torch.randint(0, VOCABULARY, (length,)), mask))

    out = {}
    for i, (ids, mask) in enumerate(examples):
        out[f"sequences.{i}"] = ids.int().numpy()
        out[f"mask.{i}"] = mask.numpy()
        out[f"logits.{i}"] = model(ids[None]).logits[0].detach().numpy()
    loss = mean_loss(model, examples)
    loss.backward()
    out["loss"] = loss.detach().reshape(1).numpy()
    for parameter_name, parameter in trainable.items():
        out[f"parameter.{parameter_name}"] = parameter.detach().clone().numpy()
        out[f"gradient.{parameter_name}"] = parameter.grad.clone().numpy()

    optimizer = torch.optim.AdamW(trainable.values(), lr=LEARNING_RATE, weight_decay=0.01)
    losses, norms = [], []
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = mean_loss(model, [examples[step % 4], examples[(step + 1) % 4]])
        loss.backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_(trainable.values(), 1.0)))
        optimizer.step()
        losses.append(float(loss.detach()))
    out["steps.losses"] = np.array(losses, dtype=np.float32)
    out["steps.norms"] = np.array(norms, dtype=np.float32)
    metadata = dict(rank=RANK, alpha=ALPHA, targets=",".join(settings["targets"]), learning_rate=LEARNING_RATE)
    save_file(out, FOLDER / f"{name}.safetensors", metadata={key: str(value) for key, value in metadata.items()})
    print(name, "loss", losses[0], "->", losses[-1])


for name in MODELS:
    make(name)
