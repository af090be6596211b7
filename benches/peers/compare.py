"""Steerscope, PyTorch and llama.cpp on the same shapes with the same random weights, round-robin.

    python compare.py --peer PROGRAM [--cache DIR] [--shape S] [--measure M] [--engine E]
                      [--threads N] [--rounds N] [--json FILE]

PROGRAM is the benchmark `peer` of this crate (see README.md). Every engine at every precision is a
process of its own that has loaded its model; in each round each of them is asked once for each
measure, one at a time, so that whatever else the machine does meets all of them alike. A call with
--json adds its rounds to those in the file, so that a long comparison can be made in pieces; table.py
turns the file into tables.
"""

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import weights

HERE = Path(__file__).resolve().parent
MEASURES = {
    "prefill": {"measure": "prefill", "sequences": 16, "tokens": 128},
    "decode1": {"measure": "decode", "lanes": 1, "prompt": 128, "tokens": 32},
    "decode2": {"measure": "decode", "lanes": 2, "prompt": 128, "tokens": 32},
    "decode8": {"measure": "decode", "lanes": 8, "prompt": 128, "tokens": 32},
}
# (engine, precision) -> file of the shape
ENGINES = {
    "pytorch-f32": "f32", "pytorch-bf16": "bf16",
    "llama.cpp-f32": "f32.gguf", "llama.cpp-f16": "f16.gguf", "llama.cpp-bf16": "bf16.gguf",
    "llama.cpp-q8_0": "q8_0.gguf", "llama.cpp-q4_k": "q4_k.gguf",
    "steerscope-f32": "f32", "steerscope-f16": "f16.gguf", "steerscope-bf16": "bf16",
    "steerscope-q8_0": "q8_0.gguf", "steerscope-q4_k": "q4_k.gguf",
}


class Engine:
    """A process that holds one model."""

    def __init__(self, name, path, args):
        engine, precision = name.split("-")
        threads = str(args.threads)
        command = {
            "pytorch": [sys.executable, HERE / "engine_torch.py", path, precision, threads],
            "llama.cpp": [sys.executable, HERE / "engine_llama.py", path, precision, threads],
            "steerscope": [args.peer, path],
        }[engine]
        environment = dict(os.environ, RAYON_NUM_THREADS=threads, OMP_NUM_THREADS=threads,
                           HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
        self.name = name
        self.process = subprocess.Popen([str(c) for c in command], text=True, env=environment,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.about = self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} ended with {self.process.wait()}")
        return json.loads(line)

    def ask(self, request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def processor():
    """Name of the processor; with its model number on Linux, as many are named alike."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    about = dict([part.strip() for part in line.split(":", 1)] for line in lines if ":" in line)
    if "model name" not in about:
        return platform.processor()
    return f"{about['model name']}, family {about.get('cpu family')} model {about.get('model')}"


def relative(a, b):
    """Largest difference of two lists against the largest value of the first."""
    return max(abs(x - y) for x, y in zip(a, b)) / max(abs(x) for x in a)


def check(engines):
    """Logits of all engines on one text against those of PyTorch f32, if that takes part."""
    text = [(i * 31 + 7) % 2048 for i in range(64)]
    logits = {e.name: e.ask({"measure": "logits", "ids": text})["logits"] for e in engines}
    reference = logits.get("pytorch-f32")
    return {n: relative(reference, x) for n, x in logits.items()} if reference else {}


def one_round(engines, measures, number):
    """(engine, measure, seconds) of every measure on every engine, each round in another order."""
    shifted = engines[number % len(engines):] + engines[:number % len(engines)]
    return [(e.name, m, e.ask(MEASURES[m])["seconds"]) for m in measures for e in shifted]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--peer", required=True)
    parser.add_argument("--cache")
    parser.add_argument("--shape", action="append", choices=weights.SHAPES)
    parser.add_argument("--measure", action="append", choices=MEASURES)
    parser.add_argument("--engine", action="append", choices=ENGINES)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    cache = weights.cache_dir(args.cache)

    runs = json.loads(args.json.read_text()) if args.json and args.json.exists() else []
    ceilings = subprocess.run([args.peer, "--ceilings"], check=True, capture_output=True, text=True,
                              env=dict(os.environ, RAYON_NUM_THREADS=str(args.threads)))
    run = {"date": datetime.date.today().isoformat(), "processor": processor(),
           "python": platform.python_version(), "threads": args.threads,
           "ceilings": json.loads(ceilings.stdout), "shapes": {}}
    for shape in args.shape or weights.SHAPES:
        directory = weights.write(cache, shape)
        engines = [Engine(n, directory / ENGINES[n], args) for n in args.engine or ENGINES]
        taken = {e.name: {"about": e.about, "seconds": {}} for e in engines}
        for name, difference in check(engines).items():
            taken[name]["logits_off"] = difference
        # The first round warms caches and allocators and does not count.
        for number in range(args.rounds + 1):
            for name, measure, seconds in one_round(engines, args.measure or MEASURES, number):
                if number:
                    taken[name]["seconds"].setdefault(measure, []).append(seconds)
        for engine in engines:
            engine.close()
        run["shapes"][shape] = taken
    runs.append(run)
    if args.json:
        args.json.write_text(json.dumps(runs, indent=1))
    for shape, taken in run["shapes"].items():
        for name, one in taken.items():
            for measure, seconds in one["seconds"].items():
                request = MEASURES[measure]
                tokens = request["tokens"] * request.get("sequences", request.get("lanes"))
                median = sorted(seconds)[len(seconds) // 2]
                print(f"{shape} {measure:8} {name:16} {median:8.4f} s {tokens / median:8.1f} tokens/s"
                      f"  ({min(seconds):.4f}-{max(seconds):.4f})")


if __name__ == "__main__":
    main()
