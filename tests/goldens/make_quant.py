"""Goldens for src/formats: blocks of every weight type with their values, and one small file per format.

Run with the packages gguf, safetensors and numpy: python make_quant.py
"""

import base64
import json
import pathlib

import gguf
import numpy as np
from safetensors.numpy import save_file

here = pathlib.Path(__file__).parent
random = np.random.default_rng(20240611)
blocks = 3

# Byte offsets of the half-precision scales in a block; random bytes there could be infinite.
scales = {
    "Q8_0": [0], "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2],
    "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
}


def text(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def golden(name: str) -> dict[str, str]:
    kind = gguf.GGMLQuantizationType[name]
    values, size = gguf.GGML_QUANT_SIZES[kind]
    if name == "F32":
        data = random.standard_normal(64).astype(np.float32).view(np.uint8).reshape(1, -1)
    elif name == "F16":
        every = np.array([0, 0x8000, 1, 0x8001, 0x03FF, 0x0400, 0x3C00, 0xC000, 0x7BFF, 0x7C00, 0xFC00], np.uint16)
        data = np.concatenate([every, random.standard_normal(53).astype(np.float16).view(np.uint16)])
        data = data.view(np.uint8).reshape(1, -1)
    elif name == "BF16":
        data = (random.standard_normal(64).astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
        data = data.view(np.uint8).reshape(1, -1)
    else:
        data = random.integers(0, 256, (blocks, size), dtype=np.uint8)
        for at in scales[name]:
            data[:, at : at + 2] = random.standard_normal((blocks, 1)).astype(np.float16).view(np.uint8)
    return {"bytes": text(data), "values": text(gguf.quants.dequantize(data, kind).astype(np.float32))}


types = ["F32", "F16", "BF16", *scales]
lines = [f'"{name}": {json.dumps(golden(name))}' for name in types]
(here / "quant.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")

writer = gguf.GGUFWriter(here / "small.gguf", "llama")
writer.add_uint32("small.u32", 7)
writer.add_int64("small.i64", -(2**40))
writer.add_float32("small.f32", 0.5)
writer.add_bool("small.bool", True)
writer.add_string("small.string", "grüße 🌲")
writer.add_array("small.strings", ["a", "", "ç"])
writer.add_array("small.numbers", [1, -2, 3])
writer.add_tensor("matrix", np.arange(6, dtype=np.float32).reshape(2, 3))
writer.add_tensor("half", np.array([1, -2, 0.25], np.float16))
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()

save_file(
    {
        "a.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
        "b": np.array([1, -2, 0.25], np.float16),
        "step": np.array(41, np.int64),
        "empty": np.zeros((0, 4), np.float32),
    },
    here / "small.safetensors",
    metadata={"format": "pt"},
)
