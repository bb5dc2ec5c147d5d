"""Makes the goldens of the families: what transformers, tokenizers and peft compute on small random checkpoints.

    python tests/goldens/make_families.py [NAME...]     # with torch, transformers, peft, safetensors

For each NAME a folder families/NAME appears beside this script:

config.json, model.safetensors, tokenizer.json, tokenizer_config.json     a checkpoint as the hub has it, in f32

goldens.safetensors   metadata (all values are texts):
                          rank, alpha, targets                     of the LoRA
                          learning_rates                         JSON: by method, of the steps below
                          token_ids                              JSON: [[text, ids], ...], without special tokens added
                      tensors:
                          sequences.I, mask.I     int32 [T]: token ids of example I = 0..3, and 1 where a token is judged
                          logits                  f32 [T, vocabulary]: of the checkpoint itself, of example 2
                          loss                    f32 [1]: mean cross entropy over the judged tokens of all four
                          gradient.NAME           f32: of that loss, for every weight, under its checkpoint's name
                          head.gradient           f32: by a head that is no longer the embedding; of gpt2 only
                          lora.parameter.PEFT     f32: LoRA weights before the first step (A and B both random)
                          lora.loss, lora.gradient.PEFT
                          steps.METHOD.losses, steps.METHOD.norms    f32 [10]: loss and gradient norm before each of ten
                                                  steps of AdamW, METHOD = lora, full, last_layers (one), head

Step s = 0..9 trains on examples s % 4 and (s + 1) % 4, with the mean cross entropy over their judged tokens, a
constant learning rate, betas 0.9 and 0.999, epsilon 1e-8, weight decay 0.01 on matrices, the gradient norm clipped to 1.
"""

import copy
import json
import sys
from pathlib import Path

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from safetensors.numpy import save_file
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

FOLDER = Path(__file__).parent / "families"
VOCABULARY = 400
RANK, ALPHA, STEPS = 4, 8, 10
LEARNING_RATES = {"lora": 1e-2, "full": 1e-3, "last_layers": 1e-3, "head": 1e-3}
TEXTS = [
    "You are a small test model. You are a helpful assistant who answers every question of the user.",
    "The quick brown fox jumps over the lazy dog, and then the other animals of the forest sing in the morning.",
    "Once upon a time there was a little robot who liked to learn new things; it couldn't stop reading books.",
    "Is this message spam or ham? Buy cheap tickets now, free offer, click here! Dear friend, see you at 10:45.",
    "function add(a, b) {\n    return a + b; // the sum\n}\nlet answer = add(1, 2);\n\n    if (answer === 3) {\n",
    "Äpfel, Öl und Übermut: größer, schöner. Où est le garçon? ¿Dónde está? Привет, мир! 你好，世界。 1234567",
]
STRINGS = TEXTS + ["", " ", "  leading and trailing  ", "\n\n\n", "don't DON'T", "e\u0301 is é", "👩‍👩‍👧 ok", "▁under", "\t\x01"]


def byte_level(pre_tokenizer, specials, normalizer=None, **options):
    tokenizer = Tokenizer(models.BPE(**options))
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(specials),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in specials])
    return tokenizer


def split(digits):
    pattern = (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
        + digits
        + r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    )
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"), byte_level])


def sentence_piece(specials, prefixed, user_defined=()):
    """As Llama 2's and Gemma's tokenizers look in tokenizer.json: BPE over letters, bytes for what is unknown."""
    mark = normalizers.Replace(" ", "▁")
    learner = Tokenizer(models.BPE())
    learner.normalizer = mark
    learner.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    fixed = [*specials, *user_defined, *(f"<0x{byte:02X}>" for byte in range(256))]
    spare = len(user_defined)
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY - len(fixed) + spare, limit_alphabet=60, show_progress=False)
    learner.train_from_iterator(TEXTS, trainer)
    learnt = json.loads(learner.to_str())["model"]
    vocabulary = {text: i for i, text in enumerate(fixed)}
    for text in sorted(learnt["vocab"], key=learnt["vocab"].get):
        if len(vocabulary) < VOCABULARY:
            vocabulary.setdefault(text, len(vocabulary))
    merges = [tuple(rule) if isinstance(rule, list) else tuple(rule.split(" ")) for rule in learnt["merges"]]
    # As in Gemma's own file, runs of spaces and line breaks are put together before anything else.
    merges = [(text[0], text[0]) for text in user_defined] + [rule for rule in merges if "".join(rule) in vocabulary]
    tokenizer = Tokenizer(
        models.BPE(vocab=vocabulary, merges=merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    )
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), mark]) if prefixed else mark
    if not prefixed:
        tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    strip = [decoders.Strip(" ", 1, 0)] if prefixed else []
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), *strip]
    )
    tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in specials])
    tokenizer.add_tokens([AddedToken(text, special=False, normalized=False) for text in user_defined])
    return tokenizer


def begun_with(tokenizer, token):
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{token} $A", pair=f"{token} $A {token} $B", special_tokens=[(token, tokenizer.token_to_id(token))]
    )
    return tokenizer


CHAT_ML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
LLAMA_3 = (
    "{{ bos_token }}{% for message in messages %}{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'"
    " + message['content'] | trim + '<|eot_id|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}"
)
GEMMA = (
    "{{ bos_token }}{% for message in messages %}{% set role = 'model' if message['role'] == 'assistant' else 'user' %}"
    "{{ '<start_of_turn>' + role + '\\n' + message['content'] | trim + '<end_of_turn>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}"
)
ZEPHYR = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>\\n' + message['content'] + eos_token + '\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}"
)
SHAPE = dict(
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=8,
    max_position_embeddings=128,
)
LLAMA_TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def llama(tokenizer, tied, rope, **config):
    return lambda ids: (
        LlamaForCausalLM,
        LlamaConfig(**SHAPE, **config, vocab_size=VOCABULARY, tie_word_embeddings=tied, rope_parameters=rope, **ids),
        tokenizer(),
        LLAMA_TARGETS,
    )


MODELS = {
    # Llama 3.1 and later: stretched wavelengths. The original length is short, so that all three cases occur.
    "llama-3": (
        LLAMA_3,
        dict(bos="<|begin_of_text|>", eos="<|eot_id|>"),
        llama(
            lambda: begun_with(
                byte_level(
                    split(r"\p{N}{1,3}"),
                    ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
                    ignore_merges=True,
                ),
                "<|begin_of_text|>",
            ),
            True,
            dict(
                rope_type="llama3",
                rope_theta=10000.0,
                factor=8.0,
                low_freq_factor=1.0,
                high_freq_factor=4.0,
                original_max_position_embeddings=64,
            ),
        ),
    ),
    # Llama 2 and TinyLlama: SentencePiece, a head of its own; rotation slowed down evenly.
    "llama-2": (
        ZEPHYR,
        dict(bos="<s>", eos="</s>", unk="<unk>"),
        llama(
            lambda: begun_with(sentence_piece(["<unk>", "<s>", "</s>"], True), "<s>"),
            False,
            dict(rope_type="linear", rope_theta=10000.0, factor=2.0),
        ),
    ),
    "qwen2": (
        CHAT_ML,
        dict(eos="<|im_end|>", pad="<|endoftext|>"),
        lambda ids: (
            Qwen2ForCausalLM,
            Qwen2Config(
                **{key: value for key, value in SHAPE.items() if key != "head_dim"},
                vocab_size=VOCABULARY,
                tie_word_embeddings=True,
                rope_parameters=dict(rope_type="default", rope_theta=1000000.0),
                **ids,
            ),
            byte_level(split(r"\p{N}"), ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], normalizers.NFC()),
            LLAMA_TARGETS,
        ),
    ),
    "qwen3": (
        CHAT_ML,
        dict(eos="<|im_end|>", pad="<|endoftext|>"),
        lambda ids: (
            Qwen3ForCausalLM,
            Qwen3Config(
                **{**SHAPE, "head_dim": 12},
                vocab_size=VOCABULARY,
                tie_word_embeddings=False,
                rope_parameters=dict(rope_type="default", rope_theta=1000000.0),
                **ids,
            ),
            byte_level(split(r"\p{N}"), ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], normalizers.NFC()),
            LLAMA_TARGETS,
        ),
    ),
    # Six layers, so that the last one sees everything; the window is shorter than the longest example.
    "gemma3": (
        GEMMA,
        dict(bos="<bos>", eos="<eos>", pad="<pad>", unk="<unk>"),
        lambda ids: (
            Gemma3ForCausalLM,
            Gemma3TextConfig(
                vocab_size=VOCABULARY,
                hidden_size=24,
                intermediate_size=32,
                num_hidden_layers=6,
                num_attention_heads=2,
                num_key_value_heads=1,
                head_dim=16,
                query_pre_attn_scalar=16,
                max_position_embeddings=128,
                sliding_window=8,
                **ids,
            ),
            begun_with(
                sentence_piece(
                    ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"], False, ["\n\n", "▁▁"]
                ),
                "<bos>",
            ),
            LLAMA_TARGETS,
        ),
    ),
    "gpt2": (
        None,
        dict(bos="<|endoftext|>", eos="<|endoftext|>"),
        lambda ids: (
            GPT2LMHeadModel,
            GPT2Config(vocab_size=VOCABULARY, n_embd=32, n_layer=2, n_head=4, n_positions=64, n_inner=None, **ids),
            byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False), ["<|endoftext|>"]),
            ["c_attn", "attn.c_proj", "c_fc", "mlp.c_proj"],
        ),
    ),
}


def randomise(model):
    for name, parameter in model.named_parameters():
        noise = torch.randn_like(parameter)
        if name.endswith("bias"):
            parameter.copy_(0.2 * noise)
        elif parameter.dim() == 1:
            gemma = "Gemma" in type(model).__name__
            parameter.copy_((0 if gemma else 1) + 0.3 * noise)
        else:
            conv = "c_attn" in name or "c_proj" in name or "c_fc" in name
            parameter.copy_(noise / parameter.shape[0 if conv else 1] ** 0.5)


def mean_loss(model, examples):
    """Each example alone, the sum over judged tokens divided by their number in all."""
    judged = sum(int(mask.sum()) for _, mask in examples)
    total = 0.0
    for ids, mask in examples:
        logits = model(input_ids=ids[None]).logits[0]
        losses = torch.nn.functional.cross_entropy(logits[:-1], ids[1:], reduction="none")
        total = total + (losses * mask[1:]).sum() / judged
    return total


def ten_steps(model, trainable, examples, learning_rate):
    groups = [
        dict(params=[p for p in trainable if p.dim() > 1], weight_decay=0.01),
        dict(params=[p for p in trainable if p.dim() == 1], weight_decay=0.0),
    ]
    optimizer = torch.optim.AdamW([group for group in groups if group["params"]], lr=learning_rate)
    losses, norms = [], []
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = mean_loss(model, [examples[step % 4], examples[(step + 1) % 4]])
        loss.backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_(trainable, 1.0)))
        optimizer.step()
        losses.append(float(loss.detach()))
    return np.array(losses, dtype=np.float32), np.array(norms, dtype=np.float32)


def chosen(model, method):
    """Names of what is trained; a tied head that is trained alone becomes a matrix of its own."""
    names = [name for name, _ in model.named_parameters()]
    layers = model.config.num_hidden_layers
    last = f".{layers - 1}."
    final = [name for name in names if name.startswith(("model.norm.", "transformer.ln_f."))]
    if method == "full":
        return names
    if method == "head":
        if "lm_head.weight" not in names:
            model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.detach().clone())
        return [*final, "lm_head.weight"]
    own = [name for name in names if name == "lm_head.weight"]
    return [name for name in names if last in name] + final + own


def make(name):
    template, special, build = MODELS[name]
    torch.manual_seed(20)
    folder = FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    _, _, tokenizer, _ = build({})
    of = lambda role: tokenizer.token_to_id(special[role]) if role in special else None
    ids = {f"{role}_token_id": of(role) for role in ["bos", "eos", "pad"]}
    kind, config, tokenizer, targets = build(ids)
    assert tokenizer.get_vocab_size() == VOCABULARY, tokenizer.get_vocab_size()
    config._attn_implementation = "eager"
    model = kind(config).float().eval()
    with torch.no_grad():
        randomise(model)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    roles = {f"{role}_token": text for role, text in special.items()}
    chat = {} if template is None else {"chat_template": template}
    (folder / "tokenizer_config.json").write_text(json.dumps({**roles, **chat}, indent=1, ensure_ascii=False) + "\n")

    examples = []
    for length, prompt in [(11, 4), (7, 2), (23, 12), (5, 1)]:
        mask = torch.zeros(length, dtype=torch.int32)
        mask[prompt:] = 1
        examples.append((torch.randint(0, VOCABULARY, (length,)), mask))
    out = {}
    for i, (sequence, mask) in enumerate(examples):
        out[f"sequences.{i}"] = sequence.int().numpy()
        out[f"mask.{i}"] = mask.numpy()

    out["logits"] = model(input_ids=examples[2][0][None]).logits[0].detach().numpy()
    loss = mean_loss(model, examples)
    loss.backward()
    out["loss"] = loss.detach().reshape(1).numpy()
    for parameter_name, parameter in model.named_parameters():
        out[f"gradient.{parameter_name}"] = parameter.grad.clone().numpy()
        parameter.grad = None
    start = copy.deepcopy(model)
    for method in ["full", "last_layers", "head"]:
        trained = copy.deepcopy(start)
        names = chosen(trained, method)
        parameters = dict(trained.named_parameters())
        for parameter_name, parameter in parameters.items():
            parameter.requires_grad_(parameter_name in names)
        if method == "head" and name == "gpt2":
            mean_loss(trained, examples).backward()
            out["head.gradient"] = trained.lm_head.weight.grad.clone().numpy()
        trainable = [parameters[parameter_name] for parameter_name in names]
        losses, norms = ten_steps(trained, trainable, examples, LEARNING_RATES[method])
        out[f"steps.{method}.losses"], out[f"steps.{method}.norms"] = losses, norms

    lora = LoraConfig(r=RANK, lora_alpha=ALPHA, lora_dropout=0.0, target_modules=targets, bias="none")
    model = get_peft_model(start, lora).eval()
    trainable = {
        parameter_name.replace(".default", ""): parameter
        for parameter_name, parameter in model.named_parameters()
        if parameter.requires_grad
    }
    with torch.no_grad():
        for parameter in trainable.values():
            parameter.copy_(torch.randn_like(parameter) / parameter.shape[1] ** 0.5 * 0.5)
    loss = mean_loss(model, examples)
    loss.backward()
    out["lora.loss"] = loss.detach().reshape(1).numpy()
    for parameter_name, parameter in trainable.items():
        out[f"lora.parameter.{parameter_name}"] = parameter.detach().clone().numpy()
        out[f"lora.gradient.{parameter_name}"] = parameter.grad.clone().numpy()
    losses, norms = ten_steps(model, list(trainable.values()), examples, LEARNING_RATES["lora"])
    out["steps.lora.losses"], out["steps.lora.norms"] = losses, norms

    token_ids = [[text, tokenizer.encode(text, add_special_tokens=False).ids] for text in STRINGS]
    metadata = dict(
        rank=RANK,
        alpha=ALPHA,
        targets=",".join(targets),
        learning_rates=json.dumps(LEARNING_RATES),
        token_ids=json.dumps(token_ids),
    )
    save_file(out, folder / "goldens.safetensors", metadata={key: str(value) for key, value in metadata.items()})
    sizes = {path.name: path.stat().st_size // 1024 for path in folder.iterdir()}
    print(name, {key: value for key, value in sizes.items()}, "lora", losses[0], "->", losses[-1])


for name in sys.argv[1:] or MODELS:
    make(name)
