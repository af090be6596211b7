"""Markdown tables of what compare.py and steering_bench.py wrote.

    python table.py compare.json [steering.json]

Medians over all rounds of all runs in the file, with the whole spread; ratios are medians of the
ratios within each round.
"""

import json
import statistics
import sys

ORDER = ("pytorch", "llama.cpp", "steerscope")
# What is divided by what, and what the ratio of speeds should be.
AIMS = [
    ("prefill", "steerscope-f32", "pytorch-f32", 1.9), ("prefill", "steerscope-f32", "llama.cpp-f16", 1.3),
    ("prefill", "steerscope-bf16", "pytorch-bf16", 0.9),
    ("decode1", "steerscope-f32", "llama.cpp-f32", 1.0), ("decode1", "steerscope-f16", "llama.cpp-f16", 1.0),
    ("decode1", "steerscope-bf16", "llama.cpp-bf16", 1.0),
    ("decode1", "steerscope-bf16", "llama.cpp-f16", 1.0),
    ("decode1", "steerscope-q8_0", "llama.cpp-q8_0", 1.0),
    ("decode1", "steerscope-q4_k", "llama.cpp-q4_k", 0.8),
    ("decode1", "steerscope-f32", "pytorch-f32", 3.0),
]
LANES = [(2, 1.3), (8, 3.0)]
TOKENS = {"prefill": 16 * 128, "decode1": 32, "decode2": 64, "decode8": 256}


def merged(runs):
    """shape -> engine -> {about, seconds} of all runs."""
    shapes = {}
    for run in runs:
        for shape, engines in run["shapes"].items():
            for name, one in engines.items():
                to = shapes.setdefault(shape, {}).setdefault(name, {"seconds": {}})
                to.update({k: v for k, v in one.items() if k != "seconds"})
                for measure, seconds in one["seconds"].items():
                    to["seconds"].setdefault(measure, []).extend(seconds)
    return shapes


def speed(seconds, tokens):
    rates = sorted(tokens / s for s in seconds)
    return f"{statistics.median(rates):.1f} ({rates[0]:.1f}–{rates[-1]:.1f})"


def ratio(over, under):
    """Median of under/over, round by round: how many times as fast `over` is."""
    return statistics.median(b / a for a, b in zip(over, under))


def verdict(value, aim, below=False):
    good = value <= aim if below else value >= aim
    return "met" if good else f"missed by {abs(value / aim - 1):.0%}"


def engines_table(engines):
    print("| engine, weights | prefill 16×128, s | tokens/s | decode, tokens/s: 1 lane | 2 lanes | 8 lanes |")
    print("|---|---|---|---|---|---|")
    for name in sorted(engines, key=lambda n: ORDER.index(n.split("-")[0])):
        seconds = engines[name]["seconds"]
        cells = [name.replace("-", " ")]
        prefill = seconds.get("prefill")
        cells += [f"{statistics.median(prefill):.2f}" if prefill else "",
                  speed(prefill, TOKENS["prefill"]) if prefill else ""]
        cells += [speed(seconds[m], TOKENS[m]) if m in seconds else "" for m in list(TOKENS)[1:]]
        print("| " + " | ".join(cells) + " |")


def aims_table(engines):
    print("| aim | measured | |")
    print("|---|---|---|")

    def times(name, measure):
        return engines.get(name, {}).get("seconds", {}).get(measure)

    for measure, ours, theirs, aim in AIMS:
        a, b = times(ours, measure), times(theirs, measure)
        if a and b:
            value = ratio(a, b)
            print(f"| {measure}: {ours} ≥ {aim}× {theirs} | {value:.2f}× | {verdict(value, aim)} |")
    for name in engines:
        for lanes, aim in LANES if name.startswith("steerscope") else ():
            one, more = times(name, "decode1"), times(name, f"decode{lanes}")
            if one and more:
                value = ratio(one, more)
                text = f"{lanes} lanes, {name}: ≤ {aim}× the time of 1"
                print(f"| {text} | {value:.2f}× | {verdict(value, aim, True)} |")


def ceilings_table(runs):
    print("| ceiling | threads | |")
    print("|---|---|---|")
    rows = {}
    for run in runs:
        for one in run["ceilings"]["read"]:
            key = (f"read, {one['bytes'] >> 20} MiB", one["threads"])
            rows.setdefault(key, []).append((one["gb_per_s"], "GB/s"))
        for one in run["ceilings"]["compute"]:
            rows.setdefault((one["kind"], one["threads"]), []).append((one["giga_ops_per_s"], "GOP/s"))
    for (what, threads), values in rows.items():
        print(f"| {what} | {threads} | {statistics.median(v for v, _ in values):.0f} {values[0][1]} |")


def steering_table(runs):
    for run in runs:
        print(f"\n{run['model']}, block {run['block']} of {run['blocks']}; {run['inputs']} inputs, "
              f"{run['tokens']} tokens; loop on {run['loop_inputs']} of the inputs, scaled by count; "
              f"propensities agree within {run['propensity_off']:.0e} of the largest\n")
        print("| | s | times faster | aim |")
        print("|---|---|---|---|")
        loop = run["seconds"]["loop, one layer"]
        aims = {"one layer from cold": 40, "moved slider": 500}
        for name, seconds in run["seconds"].items():
            layers = run["blocks"] if name.startswith("every") else 1
            value = ratio(seconds, [s * layers for s in loop])
            compared = f"{value:.0f}×" if name in aims or layers > 1 else ""
            aim = f"≥ {aims[name]}: {verdict(value, aims[name])}" if name in aims else ""
            print(f"| {name} | {statistics.median(seconds):.4f} | {compared} | {aim} |")


def main():
    runs = json.load(open(sys.argv[1], encoding="utf-8"))
    last = runs[-1]
    print(f"{last['processor']}, {last['threads']} threads, {last['date']}.")
    for shape, engines in merged(runs).items():
        versions = sorted({e["about"]["version"] for e in engines.values()})
        off = max((e.get("logits_off", 0) for e in engines.values()), default=0)
        print(f"\n### {shape}\n\n{'; '.join(versions)}\n")
        engines_table(engines)
        print()
        aims_table(engines)
        exact = {n: e["logits_off"] for n, e in engines.items() if "logits_off" in e}
        if exact:
            print(f"\nLogits against PyTorch f32 (largest difference over largest logit; worst {off:.0e}): "
                  + ", ".join(f"{n} {v:.0e}" for n, v in exact.items()))
    print("\n### What the machine gives\n")
    ceilings_table(runs)
    if len(sys.argv) > 2:
        print("\n### Steering")
        steering_table(json.load(open(sys.argv[2], encoding="utf-8")))


if __name__ == "__main__":
    main()
