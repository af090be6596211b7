"""Seeded random weights of two published shapes, in every file format that the engines read.

    python weights.py [--cache DIR] [--shape smollm2-135m|qwen2.5-0.5b]...

Writes, below DIR/SHAPE:
  f32/, bf16/         Hugging Face directories (config.json, tokenizer.json, model.safetensors)
  f32.gguf, f16.gguf, bf16.gguf, q8_0.gguf, q4_k.gguf
All hold the same numbers, rounded to the format. The weights are rounded to bf16 before anything is
written, so that f32, f16 and bf16 files hold equal values (but for f16's smaller range near 0).
"""

import argparse
import ctypes
import json
import os
from pathlib import Path

import gguf
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
SEED = 1

# Sizes from the published config.json of the two models.
SHAPES = {
    "smollm2-135m": dict(
        model_type="llama", architectures=["LlamaForCausalLM"], hidden_size=576, intermediate_size=1536,
        num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3, head_dim=64,
        vocab_size=49152, max_position_embeddings=2048, rope_theta=100000.0, rms_norm_eps=1e-5,
    ),
    "qwen2.5-0.5b": dict(
        model_type="qwen2", architectures=["Qwen2ForCausalLM"], hidden_size=896, intermediate_size=4864,
        num_hidden_layers=24, num_attention_heads=14, num_key_value_heads=2, head_dim=64,
        vocab_size=151936, max_position_embeddings=2048, rope_theta=1000000.0, rms_norm_eps=1e-6,
    ),
}
FORMATS = ("f32", "bf16", "f32.gguf", "f16.gguf", "bf16.gguf", "q8_0.gguf", "q4_k.gguf")


def cache_dir(given):
    """The given directory, else one below the user's cache, never one inside the repository."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    path = Path(given or Path(base) / "steerscope-peers").resolve()
    if path == ROOT or ROOT in path.parents:
        raise SystemExit(f"{path} lies inside the repository; give another --cache")
    path.mkdir(parents=True, exist_ok=True)
    return path


def config(shape):
    """`config.json` of a shape."""
    return dict(SHAPES[shape], tie_word_embeddings=True, hidden_act="silu", bos_token_id=0,
                eos_token_id=1, attention_bias=False, mlp_bias=False)


def tensors(c):
    """(name, shape) of every tensor, in the order of the file."""
    d, f = c["hidden_size"], c["intermediate_size"]
    q, kv = (c[k] * c["head_dim"] for k in ("num_attention_heads", "num_key_value_heads"))
    yield "model.embed_tokens.weight", (c["vocab_size"], d)
    for b in range(c["num_hidden_layers"]):
        at = f"model.layers.{b}."
        yield at + "input_layernorm.weight", (d,)
        for name, rows in (("q_proj", q), ("k_proj", kv), ("v_proj", kv)):
            yield f"{at}self_attn.{name}.weight", (rows, d)
            if c["model_type"] == "qwen2":
                yield f"{at}self_attn.{name}.bias", (rows,)
        yield at + "self_attn.o_proj.weight", (d, q)
        yield at + "post_attention_layernorm.weight", (d,)
        yield at + "mlp.gate_proj.weight", (f, d)
        yield at + "mlp.up_proj.weight", (f, d)
        yield at + "mlp.down_proj.weight", (d, f)
    yield "model.norm.weight", (d,)


def to_bf16(x):
    """Bits of the nearest bf16 (ties to even) of finite f32 values."""
    bits = np.ascontiguousarray(x, dtype=np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def from_bf16(bits):
    return (bits.astype(np.uint32) << 16).view(np.float32)


def values(name, shape, rng):
    """Normal with variance 1/fan-in; norms near 1; biases small. Rounded to bf16."""
    x = rng.standard_normal(shape, dtype=np.float32)
    if name.endswith("norm.weight"):
        x = 1 + 0.1 * x
    elif name.endswith(".bias"):
        x *= 0.1
    else:
        x *= shape[-1] ** -0.5
    return from_bf16(to_bf16(x))


def write_tokenizer(directory, vocab, raw):
    """The bundled model's tokenizer, filled up with entries that no text contains."""
    tokenizer = json.loads(raw)
    entries = tokenizer["model"]["vocab"]
    for i in range(len(entries), vocab):
        entries[f"<unused {i}>"] = i
    (directory / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    settings = {"add_bos_token": True, "bos_token": "<s>", "eos_token": "</s>",
                "tokenizer_class": "PreTrainedTokenizerFast"}
    (directory / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")


def write_safetensors(directory, c, all_values, dtype, raw_tokenizer):
    """A Hugging Face directory; the format is 8 bytes of length, a JSON header, the data."""
    directory.mkdir(parents=True, exist_ok=True)
    size = {"F32": 4, "BF16": 2}[dtype]
    header, at = {}, 0
    for name, x in all_values.items():
        header[name] = {"dtype": dtype, "shape": list(x.shape), "data_offsets": [at, at + x.size * size]}
        at += x.size * size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(directory / "model.safetensors.part", "wb") as out:
        out.write(len(text).to_bytes(8, "little") + text)
        for x in all_values.values():
            out.write((x if dtype == "F32" else to_bf16(x)).tobytes())
    os.replace(directory / "model.safetensors.part", directory / "model.safetensors")
    name = {"F32": "float32", "BF16": "bfloat16"}[dtype]
    (directory / "config.json").write_text(json.dumps(dict(c, dtype=name)), encoding="utf-8")
    write_tokenizer(directory, c["vocab_size"], raw_tokenizer)


GGUF_NAMES = {
    "model.embed_tokens": "token_embd", "model.norm": "output_norm", "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}


def gguf_name(name):
    stem, kind = name.rsplit(".", 1)
    if stem.startswith("model.layers."):
        block, part = stem.removeprefix("model.layers.").split(".", 1)
        return f"blk.{block}.{GGUF_NAMES[part]}.{kind}"
    return f"{GGUF_NAMES[stem]}.{kind}"


def paired(x, heads):
    """Rows of a rotated projection with the two of each rotated pair side by side."""
    return x.reshape(heads, 2, -1, *x.shape[1:]).swapaxes(1, 2).reshape(x.shape)


def write_gguf(path, c, all_values, kind, raw_tokenizer):
    part = path.with_suffix(".part")
    arch = c["model_type"]
    out = gguf.GGUFWriter(part, arch)
    out.add_context_length(c["max_position_embeddings"])
    out.add_embedding_length(c["hidden_size"])
    out.add_block_count(c["num_hidden_layers"])
    out.add_feed_forward_length(c["intermediate_size"])
    out.add_head_count(c["num_attention_heads"])
    out.add_head_count_kv(c["num_key_value_heads"])
    out.add_layer_norm_rms_eps(c["rms_norm_eps"])
    out.add_rope_freq_base(c["rope_theta"])
    out.add_rope_dimension_count(c["head_dim"])
    out.add_vocab_size(c["vocab_size"])
    tokenizer = json.loads(raw_tokenizer)["model"]
    tokens = sorted(tokenizer["vocab"], key=tokenizer["vocab"].get)
    tokens += [f"<unused {i}>" for i in range(len(tokens), c["vocab_size"])]
    out.add_tokenizer_model("gpt2")
    out.add_tokenizer_pre("gpt-2")
    out.add_token_list(tokens)
    out.add_token_types([3, 3] + [1] * (len(tokens) - 2))
    out.add_token_merges([" ".join(pair) for pair in tokenizer["merges"]])
    out.add_bos_token_id(0)
    out.add_eos_token_id(1)
    heads = {"q_proj": c["num_attention_heads"], "k_proj": c["num_key_value_heads"]}
    for name, x in all_values.items():
        if arch == "llama":
            x = next((paired(x, n) for part_name, n in heads.items() if part_name in name), x)
        if x.ndim == 1 or kind == "f32":
            out.add_tensor(gguf_name(name), np.ascontiguousarray(x))
        elif kind == "f16":
            out.add_tensor(gguf_name(name), x.astype(np.float16))
        else:
            data = np.ascontiguousarray(to_bf16(x)).view(np.uint8)
            out.add_tensor(gguf_name(name), data, raw_dtype=gguf.GGMLQuantizationType.BF16)
    types = {"f32": gguf.LlamaFileType.ALL_F32, "f16": gguf.LlamaFileType.MOSTLY_F16,
             "bf16": gguf.LlamaFileType.MOSTLY_BF16}
    out.add_file_type(types[kind])
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
    os.replace(part, path)


def quantise(source, path, kind):
    """With llama.cpp's own quantiser; `q4_k` is Q4_K for every matrix, not the mixture Q4_K_M."""
    import llama_cpp

    types = {"q8_0": llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0, "q4_k": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_K_S}
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = types[kind]
    params.nthread = os.cpu_count() or 1
    params.pure = kind == "q4_k"
    part = path.with_suffix(".part")
    code = llama_cpp.llama_model_quantize(os.fsencode(source), os.fsencode(part), ctypes.byref(params))
    if code != 0:
        raise SystemExit(f"llama.cpp's quantiser failed on {source} with {code}")
    os.replace(part, path)


def write(cache, shape):
    """Whatever of a shape's files is not there yet."""
    target = cache / shape
    target.mkdir(parents=True, exist_ok=True)
    missing = [f for f in FORMATS if not (target / f / "model.safetensors").exists()
               and not (f.endswith(".gguf") and (target / f).exists())]
    if not missing:
        return target
    c = config(shape)
    raw = (ROOT / "assets/model/tokenizer.json").read_text(encoding="utf-8")
    rng = np.random.default_rng(SEED)
    all_values = {name: values(name, s, rng) for name, s in tensors(c)}
    for form in missing:
        kind = form.removesuffix(".gguf")
        if kind in ("q8_0", "q4_k"):
            quantise(target / "f32.gguf", target / form, kind)
        elif form.endswith(".gguf"):
            write_gguf(target / form, c, all_values, kind, raw)
        else:
            write_safetensors(target / form, c, all_values, kind.upper(), raw)
    return target


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cache", help="default: steerscope-peers below the user's cache directory")
    parser.add_argument("--shape", action="append", choices=SHAPES)
    args = parser.parse_args()
    cache = cache_dir(args.cache)
    for shape in args.shape or SHAPES:
        target = write(cache, shape)
        for form in FORMATS:
            path = target / form
            path = path / "model.safetensors" if path.is_dir() else path
            print(f"{path}: {path.stat().st_size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
