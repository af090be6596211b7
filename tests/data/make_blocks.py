"""Random blocks of quantised weights with the values that llama.cpp's own Python package reads from them.

    pip install gguf
    python tests/data/make_blocks.py

Writes tests/data/gguf/blocks.json: for every type its number in the format, the bytes of 256 values
and those values as little-endian f32, both in hex. Made with gguf 0.19.0.
"""

import json
from pathlib import Path

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType as T
from gguf.quants import dequantize

# Where the half-precision scales of a block stand.
SCALES = {
    T.Q4_0: [0], T.Q4_1: [0, 2], T.Q5_0: [0], T.Q5_1: [0, 2], T.Q8_0: [0],
    T.Q2_K: [80, 82], T.Q3_K: [108], T.Q4_K: [0, 2], T.Q5_K: [0, 2], T.Q6_K: [208],
}


def main():
    random = np.random.default_rng(7)
    out = []
    for kind, places in SCALES.items():
        values, size = GGML_QUANT_SIZES[kind]
        blocks = random.integers(0, 256, (256 // values, size), dtype=np.uint8)
        for block in blocks:
            for at in places:
                scale = np.float16(random.uniform(0.01, 0.1))
                block[at : at + 2] = np.frombuffer(scale.tobytes(), np.uint8)
        wide = dequantize(blocks.reshape(1, -1), kind).astype("<f4")
        out.append({"kind": int(kind), "bytes": blocks.tobytes().hex(), "values": wide.tobytes().hex()})
    path = Path(__file__).parent / "gguf" / "blocks.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(out, indent=0) + "\n")
    print(f"{len(out)} types, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
