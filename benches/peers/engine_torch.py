"""transformers on PyTorch, as a researcher uses it: eager mode, scaled-dot-product attention.

    python engine_torch.py DIRECTORY f32|bf16 THREADS
"""

import sys
import time

import torch
import transformers
from serve import ids, serve, timed

path, precision, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
torch.set_num_threads(threads)
start = time.perf_counter()
model = transformers.AutoModelForCausalLM.from_pretrained(
    path, dtype={"f32": torch.float32, "bf16": torch.bfloat16}[precision], attn_implementation="sdpa"
).eval()
about = {"engine": "PyTorch", "precision": precision, "threads": torch.get_num_threads(),
         "version": f"PyTorch {torch.__version__}, transformers {transformers.__version__}",
         "open_s": time.perf_counter() - start}


def prompts(sequences, tokens):
    return torch.tensor([ids(tokens, s) for s in range(sequences)])


@torch.inference_mode()
def prefill(sequences, tokens):
    x = prompts(sequences, tokens)
    # Logits of the last position only; keys and values are kept, as the others keep them.
    return timed(lambda: model(x, use_cache=True, logits_to_keep=1))


@torch.inference_mode()
def decode(lanes, prompt, tokens):
    cache = model(prompts(lanes, prompt), use_cache=True, logits_to_keep=1).past_key_values
    steps = [torch.tensor([ids(1, s + step) for s in range(lanes)]) for step in range(tokens)]

    def run():
        for x in steps:
            model(x, past_key_values=cache, use_cache=True)

    return timed(run)


@torch.inference_mode()
def logits(ids):
    return {"logits": model(torch.tensor([ids])).logits[0, -1].float().tolist()}


serve(about, {"prefill": prefill, "decode": decode, "logits": logits})
