"""Time to open a model of a gigabyte and what stays in memory, against the size of its weights.

    python loading.py --peer PROGRAM [--cache DIR] [--shape S] [--file F]... [--rounds N]

Every round starts a new process; the weights are read once before, so that they come from the page
cache. Resident memory is the peak (VmHWM) when the model is open; of its pages, those of the mapped
file (RssFile) can be taken back by the system at any time, the others (RssAnon) cannot.
"""

import argparse
import json
import statistics
import subprocess
from pathlib import Path

import weights


def warm(path):
    files = [path] if path.is_file() else sorted(path.iterdir())
    for file in files:
        with open(file, "rb") as data:
            while data.read(1 << 24):
                pass


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--peer", required=True)
    parser.add_argument("--cache")
    parser.add_argument("--shape", default="qwen2.5-0.5b", choices=weights.SHAPES)
    parser.add_argument("--file", action="append", choices=weights.FORMATS)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    directory = weights.write(weights.cache_dir(args.cache), args.shape)
    print("| file | size, MB | opens in, s | peak resident, MB | against the weights | not of the file |")
    print("|---|---|---|---|---|---|")
    for form in args.file or ["bf16"]:
        path = directory / form
        warm(path)
        size = (path / "model.safetensors" if path.is_dir() else path).stat().st_size
        opened = []
        for _ in range(args.rounds):
            run = subprocess.run([Path(args.peer).resolve(), path], check=True, capture_output=True,
                                 text=True, stdin=subprocess.DEVNULL)
            opened.append(json.loads(run.stdout))
        memory = opened[-1]["memory"]
        seconds = statistics.median(o["open_s"] for o in opened)
        print(f"| {args.shape} {form} | {size / 1e6:.0f} | {seconds:.2f} | {memory['VmHWM'] / 1e6:.0f} | "
              f"{memory['VmHWM'] / size:.2f}× | {memory['RssAnon'] / size:.2f}× |")


if __name__ == "__main__":
    main()
