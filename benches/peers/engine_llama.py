"""llama.cpp through the low-level interface of llama-cpp-python.

    python engine_llama.py FILE.gguf NAME THREADS [--flash 0|1] [--ubatch N]

Every sequence has keys and values of its own (no unified cache); logits are asked for where they are
used, at the last token of each sequence; the same threads for prompts and for single tokens.
"""

import argparse
import ctypes
import time
from importlib.metadata import version

import llama_cpp as ll
from serve import ids, serve, timed

parser = argparse.ArgumentParser()
parser.add_argument("path")
parser.add_argument("precision")
parser.add_argument("threads", type=int)
parser.add_argument("--flash", type=int, default=1)
parser.add_argument("--ubatch", type=int, default=2048)
args = parser.parse_args()

quiet = ll.llama_log_callback(lambda *_: None)
ll.llama_log_set(quiet, ctypes.c_void_p(0))
ll.llama_backend_init()
start = time.perf_counter()
model = ll.llama_model_load_from_file(args.path.encode(), ll.llama_model_default_params())
if not model:
    raise SystemExit(f"llama.cpp cannot load {args.path}")
about = {"engine": "llama.cpp", "precision": args.precision, "threads": args.threads,
         "version": f"llama-cpp-python {version('llama-cpp-python')}",
         "system": ll.llama_print_system_info().decode(), "open_s": time.perf_counter() - start}
VOCABULARY = ll.llama_vocab_n_tokens(ll.llama_model_get_vocab(model))
contexts = {}


def context(sequences, tokens):
    """A context for so many sequences, with nothing in its cache."""
    if (sequences, tokens) not in contexts:
        params = ll.llama_context_default_params()
        params.n_ctx = sequences * tokens
        params.n_seq_max = sequences
        params.n_batch, params.n_ubatch = 2048, args.ubatch
        params.n_threads = params.n_threads_batch = args.threads
        params.flash_attn_type = args.flash
        params.kv_unified = False
        params.no_perf = True
        made = ll.llama_init_from_model(model, params)
        if not made:
            raise SystemExit("llama.cpp gave no context")
        contexts[sequences, tokens] = made
    made = contexts[sequences, tokens]
    ll.llama_memory_clear(ll.llama_get_memory(made), False)
    return made


def batch(sequences, start):
    """The tokens of every sequence from position `start` on; logits after each one's last."""
    made = ll.llama_batch_init(sum(map(len, sequences)), 0, 1)
    n = 0
    for s, tokens in enumerate(sequences):
        for i, token in enumerate(tokens):
            made.token[n], made.pos[n] = token, start + i
            made.n_seq_id[n], made.seq_id[n][0] = 1, s
            made.logits[n] = i + 1 == len(tokens)
            n += 1
    made.n_tokens = n
    return made


def run(ctx, prepared):
    code = ll.llama_decode(ctx, prepared)
    if code != 0:
        raise SystemExit(f"llama_decode gave {code}")
    # Waits for the logits, as their reader would.
    return ll.llama_get_logits(ctx)


def prefill(sequences, tokens):
    ctx = context(sequences, 256)
    prepared = batch([ids(tokens, s) for s in range(sequences)], 0)
    try:
        return timed(lambda: run(ctx, prepared))
    finally:
        ll.llama_batch_free(prepared)


def decode(lanes, prompt, tokens):
    ctx = context(lanes, 256)
    first = batch([ids(prompt, s) for s in range(lanes)], 0)
    run(ctx, first)
    steps = [batch([ids(1, s + step) for s in range(lanes)], prompt + step) for step in range(tokens)]
    try:
        return timed(lambda: [run(ctx, step) for step in steps])
    finally:
        for used in (first, *steps):
            ll.llama_batch_free(used)


def logits(ids):
    prepared = batch([ids], 0)
    try:
        return {"logits": run(context(1, 256), prepared)[:VOCABULARY]}
    finally:
        ll.llama_batch_free(prepared)


serve(about, {"prefill": prefill, "decode": decode, "logits": logits})
