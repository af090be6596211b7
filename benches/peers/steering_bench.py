"""The loop of the scripts that steering reliability was measured with, against this crate.

    python steering_bench.py --peer PROGRAM [--cache DIR] [--model DIR] [--dataset FILE.json]
                             [--precision f32|bf16] [--inputs N] [--loop-inputs N] [--threads N]
                             [--rounds N] [--json FILE]

The loop is that of steering-bench (github.com/dtch1997/steering-bench): for every example, every
multiplier and both answers, one forward pass of the whole text through transformers, one text at a
time, with the vector added by steering-vectors' hook from the last prompt token on; log-probabilities
of all positions; propensity is the difference of the two answers' summed log-probabilities.

Ours: the same examples, vector, site and multipliers through `PromptCache`, which `steerscope
measure` and the screen use. Both sides read the same files; the propensities are compared. In f32 they
agree but for rounding. In bf16, as such models are published, transformers also rounds what flows through
the blocks, which this crate does not, so that they differ by about a hundredth of the largest.

DIR: a Hugging Face directory (default: random weights of SmolLM2-135M's shape). FILE.json: a data set
in steering-bench's processed format (default: seeded texts made here).
"""

import argparse
import datetime
import json
import os
import random
import time
from pathlib import Path

import torch
import weights
from compare import Engine, processor, relative
from steering_vectors import SteeringVector
from transformers import AutoModelForCausalLM, AutoTokenizer

MULTIPLIERS = [-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5]
WORDS = ("the of and to in is that it was for on are with as his they at be this from have or by one had "
         "not but what all were when we there can an your which their said if do will each about how up "
         "out them then she many some so these would other into has more her two like him see time").split()


def synthetic(path, n, words):
    """A data set in steering-bench's processed format; the positive answer alternates."""
    rng = random.Random(0)
    rows = []
    for i in range(n):
        question = " ".join(rng.choice(WORDS) for _ in range(words))
        prompt = f"{question}?\n\nChoices:\n(A): yes\n(B): no"
        answers = ["(A)", "(B)"] if i % 2 else ["(B)", "(A)"]
        rows.append({"positive": {"prompt": prompt, "response": answers[0]},
                     "negative": {"prompt": prompt, "response": answers[1]},
                     "meta": {}, "steering_token_index": -2})
    path.write_text(json.dumps(rows), encoding="utf-8")


class Loop:
    """One example, answer and multiplier at a time."""

    def __init__(self, model, tokenizer, vector):
        self.model, self.tokenizer, self.vector = model, tokenizer, vector

    @torch.no_grad()
    def log_probabilities(self, side, multiplier):
        """(token, log-probability) of every token but the first."""
        prompt = side["prompt"].strip()
        text = f"{prompt} {side['response'].strip()}"
        inputs = self.tokenizer(text, return_tensors="pt")
        base, full = self.tokenizer.encode(prompt), self.tokenizer.encode(text)
        start = next((i for i, (a, b) in enumerate(zip(base, full)) if a != b), len(base)) - 1
        handle = None
        if multiplier != 0:
            handle = self.vector.patch_activations(
                self.model, multiplier=multiplier, min_token_index=start)
        try:
            logits = self.model(input_ids=inputs.input_ids, attention_mask=inputs.attention_mask).logits
        finally:
            if handle is not None:
                handle.remove()
        chosen = torch.log_softmax(logits.float(), dim=-1)[0, :-1].gather(1, inputs.input_ids[0, 1:, None])
        return [(int(t), float(p)) for t, p in zip(inputs.input_ids[0, 1:], chosen[:, 0])]

    def propensity(self, row, multiplier):
        """The loop's own score, and the part of it that the first differing token makes up."""
        positive, negative = (self.log_probabilities(row[s], multiplier) for s in ("positive", "negative"))
        score = sum(p for _, p in positive) - sum(p for _, p in negative)
        at = next(i for i, (a, b) in enumerate(zip(positive, negative)) if a[0] != b[0])
        return score, positive[at][1] - negative[at][1]

    def run(self, rows):
        start = time.perf_counter()
        values = [[self.propensity(row, m)[1] for m in MULTIPLIERS] for row in rows]
        return time.perf_counter() - start, values


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--peer", required=True)
    parser.add_argument("--cache")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--dataset", type=Path)
    parser.add_argument("--precision", choices=("f32", "bf16"), default="f32")
    parser.add_argument("--words", type=int, default=60, help="of a seeded text")
    parser.add_argument("--inputs", type=int, default=64)
    parser.add_argument("--loop-inputs", type=int, help="inputs of the loop; its time is scaled by count")
    parser.add_argument("--block", type=int, help="site; default: the middle")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    cache = weights.cache_dir(args.cache)
    directory = args.model or weights.write(cache, "smollm2-135m") / args.precision
    dataset = args.dataset or cache / f"texts-{args.words}.json"
    if not args.dataset:
        synthetic(dataset, 256, args.words)

    torch.set_num_threads(args.threads)
    model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32 if args.precision == "f32" else torch.bfloat16).eval()
    loop = Loop(model, AutoTokenizer.from_pretrained(directory), None)
    blocks, width = model.config.num_hidden_layers, model.config.hidden_size
    block = blocks // 2 if args.block is None else args.block
    direction = torch.randn(width, generator=torch.Generator().manual_seed(0)) * 0.5
    # The hook adds a vector in the number type of the rows, as the library expects.
    held = direction.to(model.dtype)
    loop.vector = SteeringVector({block: held}, "decoder_block")
    ours = Engine(f"steerscope-{args.precision}", directory, args)
    every = list(range(blocks))

    def ask(cold, sites, sweep=False):
        return ours.ask({"sweep": sweep, "measure": "steer", "dataset": str(dataset), "inputs": args.inputs,
                         "direction": direction.tolist(), "multipliers": MULTIPLIERS,
                         "blocks": sites, "cold": cold})

    answer = ask(True, [block])
    all_rows = json.loads(dataset.read_text(encoding="utf-8"))
    rows = [all_rows[i] for i in answer["rows"]][: args.loop_inputs or args.inputs]
    scale = len(answer["rows"]) / len(rows)
    seconds = {"loop, one layer": [], "prompts alone": [], "one layer from cold": [],
               "moved slider": [], "every layer in turn": [], "every layer, one sweep": []}
    loop.run(rows[:1])
    for _ in range(args.rounds):
        took, values = loop.run(rows)
        seconds["loop, one layer"].append(took * scale)
        seconds["prompts alone"].append(ask(True, [])["seconds"])
        answer = ask(True, [block])
        seconds["one layer from cold"].append(answer["seconds"])
        seconds["moved slider"].append(ask(False, [block])["seconds"])
        turn = ask(True, every)
        seconds["every layer in turn"].append(turn["seconds"])
        sweep = ask(True, every, sweep=True)
        seconds["every layer, one sweep"].append(sweep["seconds"])
    flat = lambda a: [x for block in a["propensities"] for row in block for x in row]
    same = relative(flat(turn), flat(sweep))
    got = [x for row in answer["propensities"][0][: len(rows)] for x in row]
    off = relative([x for row in values for x in row], got)
    ours.close()

    lengths = answer["prefix_lengths"]
    result = {
        "date": datetime.date.today().isoformat(), "processor": processor(), "threads": args.threads, "precision": args.precision,
        "model": directory.name if args.model else "smollm2-135m", "blocks": blocks, "block": block,
        "inputs": len(lengths), "loop_inputs": len(rows), "tokens": sum(lengths),
        "multipliers": len(MULTIPLIERS), "propensity_off": off, "sweep_off": same, "seconds": seconds,
    }
    if args.json:
        runs = json.loads(args.json.read_text()) if args.json.exists() else []
        args.json.write_text(json.dumps([*runs, result], indent=1))
    median = {name: sorted(all_of)[len(all_of) // 2] for name, all_of in seconds.items()}
    one = median["loop, one layer"]
    print(f"{result['model']} in {args.precision}: {len(lengths)} inputs, {sum(lengths)} tokens; propensities differ by {off:.1e}, "
          f"the sweep from one layer at a time by {same:.1e}")
    for name, time_taken in median.items():
        against = one * (blocks if name.startswith("every") else 1)
        print(f"{name:22} {time_taken:9.4f} s  {against / time_taken:8.1f}x  "
              f"({min(seconds[name]):.4f}-{max(seconds[name]):.4f})")


if __name__ == "__main__":
    main()
