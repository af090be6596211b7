"""Tiny random models of families and position schemes, with what transformers computes for them.

    pip install torch transformers
    python tests/data/make_families.py [OUT] [NAME ...]

Writes for every model OUT/NAME/{config.json, model.safetensors, ref.safetensors}; OUT is
tests/data/families beside this script unless given. ref.safetensors holds `ids` (texts, tokens),
`res.{block}` (the residual stream after every block) at the last KEPT positions and `logits` there;
of models in GROWS also the tokens and logits of a greedy continuation, `grown.ids` and `grown.logits`.
Norms and biases are random too, so that nothing passes because a weight happens to be 1 or 0.
The files in the repository were made with transformers 5.23.0 and torch 2.15.0.
"""

import json
import sys
from pathlib import Path

import torch
import transformers as T
from safetensors.torch import save_file

# Sizes that are no multiple of a register, as few weights as show the differences.
SMALL = dict(
    hidden_size=24,
    intermediate_size=20,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    vocab_size=40,
    max_position_embeddings=160,
    bos_token_id=1,
    eos_token_id=2,
    pad_token_id=0,
    attn_implementation="eager",
)
KEPT = 12


def llama(**rope):
    return T.LlamaConfig, T.LlamaForCausalLM, dict(SMALL, head_dim=8, rope_parameters=dict(rope_theta=1e4, **rope))


def phi(**rope):
    rope = dict(rope_theta=1e4, **rope)
    return T.Phi3Config, T.Phi3ForCausalLM, dict(SMALL, rope_parameters=rope)


LONG = [1.0, 1.25, 2.0]

# name: (configuration class, model class, values, tokens of a text)
MODELS = {
    "smollm3": (
        T.SmolLM3Config,
        T.SmolLM3ForCausalLM,
        dict(SMALL, num_hidden_layers=4, no_rope_layers=[1, 0, 1, 0], tie_word_embeddings=True),
        40,
    ),
    "gemma": (T.GemmaConfig, T.GemmaForCausalLM, dict(SMALL, head_dim=12), 40),
    "gemma3": (
        T.Gemma3TextConfig,
        T.Gemma3ForCausalLM,
        dict(
            SMALL,
            head_dim=12,
            num_hidden_layers=3,
            sliding_window=8,
            query_pre_attn_scalar=20,
            layer_types=["sliding_attention", "full_attention", "sliding_attention"],
            rope_parameters={
                "full_attention": dict(rope_type="linear", factor=8.0, rope_theta=1e6),
                "sliding_attention": dict(rope_type="default", rope_theta=1e4),
            },
        ),
        40,
    ),
    "olmo2": (T.Olmo2Config, T.Olmo2ForCausalLM, dict(SMALL), 40),
    "granite": (
        T.GraniteConfig,
        T.GraniteForCausalLM,
        dict(
            SMALL,
            embedding_multiplier=12.0,
            residual_multiplier=0.22,
            attention_multiplier=0.2,
            logits_scaling=8.0,
            attention_bias=True,
            mlp_bias=True,
        ),
        40,
    ),
    "phi4_mini": (*phi(rope_type="default", partial_rotary_factor=0.75), 40),
    "qwen2_window": (
        T.Qwen2Config,
        T.Qwen2ForCausalLM,
        dict(SMALL, num_hidden_layers=3, use_sliding_window=True, sliding_window=8, max_window_layers=1),
        40,
    ),
    "rope_linear": (*llama(rope_type="linear", factor=4.0), 150),
    "rope_yarn": (*llama(rope_type="yarn", factor=4.0, original_max_position_embeddings=40), 150),
    "rope_longrope": (
        *phi(
            rope_type="longrope",
            short_factor=LONG,
            long_factor=[2 * f for f in LONG],
            original_max_position_embeddings=128,
        ),
        128,
    ),
}
# The same model with texts beyond its original length, and one that grows across it.
MODELS["rope_longrope_beyond"] = (*MODELS["rope_longrope"][:3], 150)
GROWS = {"rope_longrope_beyond": (118, 24)}


def randomise(model, plus_one):
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for name, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=generator)
            is_norm = "norm" in name and name.endswith("weight")
            p.copy_(0.3 * noise + (1.0 if is_norm and not plus_one else 0.0))


def make(name, out):
    config_class, model_class, values, length = MODELS[name]
    torch.manual_seed(1)
    config = config_class(**values)
    if name.startswith("rope_longrope"):
        config.original_max_position_embeddings = 128
    model = model_class(config).eval().float()
    randomise(model, plus_one="gemma" in name)
    folder = out / name
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    for extra in ("generation_config.json",):
        (folder / extra).unlink(missing_ok=True)
    ids = (torch.arange(length).reshape(1, length) * 37 + 5) % values["vocab_size"]
    residuals = []

    def keep(_module, _inputs, output):
        h = output[0] if isinstance(output, tuple) else output
        residuals.append(h.detach()[:, -KEPT:].clone().contiguous())

    for layer in model.model.layers:
        layer.register_forward_hook(keep)
    with torch.no_grad():
        logits = model(ids, use_cache=False).logits[:, -KEPT:].contiguous()
    tensors = {"ids": ids.to(torch.int32), "logits": logits}
    tensors.update({f"res.{i}": r for i, r in enumerate(residuals)})
    if name in GROWS:
        prompt, new = GROWS[name]
        # Greedy tokens after the beginning of the text, and the logits that chose them.
        grown = model.generate(
            ids[:, :prompt],
            attention_mask=torch.ones(1, prompt, dtype=torch.long),
            max_new_tokens=new,
            do_sample=False,
            eos_token_id=None,
            output_logits=True,
            return_dict_in_generate=True,
        )
        tensors["grown.ids"] = grown.sequences[:, prompt:].to(torch.int32).contiguous()
        tensors["grown.logits"] = torch.stack(grown.logits, 1).contiguous()
    save_file(tensors, folder / "ref.safetensors")
    size = sum(f.stat().st_size for f in folder.iterdir())
    kind = json.loads((folder / "config.json").read_text())["model_type"]
    print(f"{name}: {kind}, {config.num_hidden_layers} blocks, logits ±{logits.std():.2f}, {size // 1024} KiB")


def main():
    arguments = sys.argv[1:]
    out = Path(arguments[0]) if arguments else Path(__file__).parent / "families"
    for name in arguments[1:] or MODELS:
        make(name, out)


if __name__ == "__main__":
    main()
