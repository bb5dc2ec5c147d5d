"""Makes adamw.json: PyTorch's AdamW and gradient clipping on two small parameters, the second without decay.

Run with a Python that has torch 2.13: python tests/goldens/adamw.py
"""

import json
from pathlib import Path

import torch

torch.manual_seed(7)
learning_rates = [1e-2, 2e-2, 1.5e-2, 1e-2, 3e-3, 1e-3]
weight_decay, gradient_norm_max = 0.1, 1.0

parameters = [torch.nn.Parameter(torch.randn(size)) for size in (7, 5)]
start = [parameter.tolist() for parameter in parameters]
optimizer = torch.optim.AdamW(
    [{"params": parameters[:1], "weight_decay": weight_decay}, {"params": parameters[1:], "weight_decay": 0.0}],
    foreach=False,
)
steps = []
for index, learning_rate in enumerate(learning_rates):
    # The third step's gradients are small, so that clipping leaves them alone.
    scale = 0.01 if index == 2 else 1.0
    gradients = [torch.randn(parameter.shape) * scale for parameter in parameters]
    for parameter, gradient in zip(parameters, gradients):
        parameter.grad = gradient.clone()
    norm = torch.nn.utils.clip_grad_norm_(parameters, gradient_norm_max)
    for group in optimizer.param_groups:
        group["lr"] = learning_rate
    optimizer.step()
    steps.append({
        "learningRate": learning_rate,
        "gradients": [gradient.tolist() for gradient in gradients],
        "norm": norm.item(),
        "parameters": [parameter.tolist() for parameter in parameters],
    })

golden = {"weightDecay": weight_decay, "gradientNormMax": gradient_norm_max, "start": start, "steps": steps}
Path(__file__).with_suffix(".json").write_text(json.dumps(golden, indent=1) + "\n")
