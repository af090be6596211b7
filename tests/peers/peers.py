"""Vector files against the libraries they come from; see README.md."""

import argparse
import csv
import json
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

# repeng's annotations name a type that numpy 2 has no more.
if not hasattr(np, "float_"):
    np.float_ = np.float64

FAILED = []


def check(name, ok, words=""):
    print(f"{'ok  ' if ok else 'FAIL'} {name} {words}".rstrip())
    if not ok:
        FAILED.append(name)


class Program:
    def __init__(self, path, folder):
        self.path, self.folder, self.count = path, folder, 0

    def run(self, *words):
        done = subprocess.run([self.path, *map(str, words)], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(map(str, words))}: {done.stderr.strip()}")
        return done.stdout

    def convert(self, source, target, name, *words):
        out = self.folder / name
        self.run("vectors", "convert", source, "--to", target, "--out", out, "--force", *words)
        return out

    def numbers(self, source, *words):
        """Block → values, as the program reads a file."""
        self.count += 1
        table = self.convert(source, "csv", f"{self.count}.csv", *words)
        with open(table, newline="") as lines:
            rows = list(csv.reader(lines))[1:]
        return {int(r[0]): np.array(r[2:], dtype=np.float64).astype(np.float32) for r in rows}


def same(got, want):
    return got.keys() == want.keys() and all(np.array_equal(got[b], want[b]) for b in want)


def they_write(program, folder, width):
    """Files of other libraries, read here."""
    rng = np.random.default_rng(7)
    want = {b: rng.standard_normal(width).astype(np.float32) for b in (1, 2, 3)}
    tensors = {b: torch.from_numpy(v.copy()) for b, v in want.items()}

    def read(name, save, expected=want, *words):
        path = folder / name
        save(path)
        try:
            check(f"read {name}", same(program.numbers(path, *words), expected))
        except RuntimeError as error:
            check(f"read {name}", False, str(error))

    from steering_vectors import SteeringVector

    read("object.pt", lambda p: torch.save(SteeringVector(tensors, "decoder_block"), p))
    read("dictionary.pt", lambda p: torch.save(tensors, p))
    read("names.pt", lambda p: torch.save({f"model.layers.{b}": t for b, t in tensors.items()}, p))
    one = {2: want[2]}
    read("bare.pt", lambda p: torch.save(tensors[2], p), one, "--layer-in-file", 2)
    wide = torch.stack([tensors[1], tensors[2]]).t().contiguous().t()
    read("strided.pt", lambda p: torch.save(wide, p), one, "--row", 1, "--layer-in-file", 2)
    read("slice.pt", lambda p: torch.save(torch.stack(list(tensors.values()))[1], p), one, "--layer-in-file", 2)
    half = {2: tensors[2].to(torch.bfloat16).float().numpy()}
    read("bfloat16.pt", lambda p: torch.save(tensors[2].to(torch.bfloat16), p), half, "--layer-in-file", 2)
    read("double.pt", lambda p: torch.save(tensors[2].double(), p), one, "--layer-in-file", 2)
    read("parameter.pt", lambda p: torch.save(torch.nn.Parameter(tensors[2]), p), one, "--layer-in-file", 2)
    read("array.pt", lambda p: torch.save(want[2], p), one, "--layer-in-file", 2)
    stacked = torch.stack([torch.ones(width), *[tensors[b] for b in (1, 2, 3)]])
    persona = {0: want[1], 1: want[2], 2: want[3]}
    read("evil_response_avg_diff.pt", lambda p: torch.save(stacked, p), persona)
    for protocol in (2, 4, 5):
        def save(path, protocol=protocol):
            with open(path, "wb") as out:
                pickle.dump({int(b): v for b, v in want.items()}, out, protocol=protocol)

        if protocol < 5:
            read(f"arrays{protocol}.pkl", save)
    rows = np.stack([want[1], want[2], want[3]])
    for name, array in [
        ("c.npy", rows),
        ("fortran.npy", np.asfortranarray(rows)),
        ("big.npy", rows.astype(">f4")),
        ("double.npy", rows.astype("<f8")),
    ]:
        expected = {0: want[1], 1: want[2], 2: want[3]}
        read(name, lambda p, a=array: np.save(p, a), expected, "--rows", "layers")
    names = {f"layer_{b}": v for b, v in want.items()}
    read("stored.npz", lambda p: np.savez(p, **names))
    read("deflated.npz", lambda p: np.savez_compressed(p, **names))
    try:
        from repeng import ControlVector

        control = ControlVector(model_type="llama", directions=want)
        read("repeng.gguf", lambda p: control.export_gguf(str(p)))
        read("repeng.pt", lambda p: torch.save(control, p))
    except ImportError as error:
        print(f"skipped repeng: {error}")


def they_read(program, source, folder):
    """Files written here, read by other libraries."""
    want = program.numbers(source)
    del want[0]
    skip = ("--skip-layer", 0, "--model-hint", "llama")

    from gguf import GGUFReader

    path = program.convert(source, "gguf", "ours.gguf", *skip)
    read = {int(t.name.split(".")[1]): np.array(t.data) for t in GGUFReader(str(path)).tensors}
    check("gguf reads ours", same(read, want))
    try:
        from repeng import ControlVector

        read = ControlVector.import_gguf(str(path)).directions
        check("repeng reads ours", same(read, want))
    except ImportError as error:
        print(f"skipped repeng: {error}")

    path = program.convert(source, "steering-vectors", "ours.pt", *skip)
    vector = torch.load(path, weights_only=False)
    read = {b: t.numpy() for b, t in vector.layer_activations.items()}
    check("steering-vectors reads ours", same(read, want) and vector.layer_type == "decoder_block")
    from steering_vectors import SteeringVector

    torch.serialization.add_safe_globals([SteeringVector])
    torch.load(path, weights_only=True)

    path = program.convert(source, "lm-eval", "lm.pt", "--block", 3, *skip)
    entry = torch.load(path, weights_only=True)
    value = entry["layers.3"]
    ok = list(entry) == ["layers.3"] and value["action"] == "add" and value["bias"] is None
    check("torch reads lm-eval", ok and np.array_equal(value["steering_vector"].numpy(), want[3]))

    path = program.convert(source, "npy", "arrays", *skip)
    read = {b: np.load(path / f"layer{b}.npy") for b in want}
    check("numpy reads ours", same(read, want))

    from safetensors.numpy import load_file

    path = program.convert(source, "native", "ours.safetensors", *skip)
    read = {int(k.split(".")[1]): v for k, v in load_file(path).items()}
    check("safetensors reads ours", same(read, want))

    path = program.convert(source, "svec-cast", "ours.svec", *skip, "--skip-layer", 4)
    stored = json.loads(path.read_text())["directions"]
    read = {int(k) - 1: np.array(v, dtype=np.float32) for k, v in stored.items()}
    check("svec is JSON of b + 1", same(read, {b: want[b] for b in (1, 2, 3)}))


def llama(program, source, model, reference, items, folder, tolerance):
    """The logit difference of two answers, moved by the same file in llama.cpp and here."""
    import ctypes

    import llama_cpp
    from gguf import GGUFReader

    count = 6
    rows = folder / "items.jsonl"
    with open(rows, "w") as out:
        for row in items[:count]:
            line = {"prompt": row["prompt"], "positive": row["pos"], "negative": row["neg"]}
            out.write(json.dumps(line) + "\n")
    engine = llama_cpp.Llama(str(model), n_ctx=256, logits_all=True, verbose=False, type_k=0, type_v=0)
    apply = getattr(llama_cpp, "llama_set_adapter_cvec", None) or llama_cpp.llama_apply_adapter_cvec
    width, blocks = engine.n_embd(), 5
    worst, smallest = 0.0, float("inf")

    def differences(buffer):
        pointer = None
        if buffer is not None:
            pointer = buffer.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        size = 0 if buffer is None else buffer.size
        done = apply(engine.ctx, pointer, size, width, 1, blocks - 1)
        assert done == 0, f"llama.cpp returned {done}"
        found = []
        for item in reference[:count]:
            engine.reset()
            engine.eval(item["ids"])
            logits = engine.scores[len(item["ids"]) - 1]
            found.append(float(logits[item["pos_token"]] - logits[item["neg_token"]]))
        return np.array(found)

    base = differences(None)
    for block in (1, 2, 3):
        others = [b for b in range(blocks) if b != block]
        skip = [word for b in others for word in ("--skip-layer", b)]
        path = program.convert(source, "gguf", f"llama{block}.gguf", "--model-hint", "llama", *skip)
        multipliers = [-2.0, -1.0, 0.0, 1.0, 2.0]
        measured = json.loads(program.run(
            "measure", "--model", model, "--vector", path, "--layer", block, "--dataset", rows, "--split", "all",
            "--mask", "all", "--multipliers=" + ",".join(map(str, multipliers)), "--json", "--no-store",
        ))
        ours = np.array([i["propensity"] for i in sorted(measured["inputs"], key=lambda i: i["id"])])
        for column, c in enumerate(multipliers):
            if c == 0.0:
                continue
            buffer = np.zeros((blocks - 1, width), dtype=np.float32)
            for tensor in GGUFReader(str(path)).tensors:
                buffer[int(tensor.name.split(".")[1]) - 1] += c * np.array(tensor.data)
            theirs = differences(np.ascontiguousarray(buffer)) - base
            here = ours[:, column] - ours[:, multipliers.index(0.0)]
            worst = max(worst, float(np.abs(theirs - here).max()))
            smallest = min(smallest, float(np.abs(theirs).max()))
    words = f"largest difference {worst:.1e} logits; the smallest effect is {smallest:.3f}"
    check("llama.cpp moves logits as steerscope does", worst < tolerance and smallest > 10 * tolerance, words)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steerscope", type=Path, required=True)
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--tolerance", type=float, default=1e-3)
    args = parser.parse_args()
    oracle = args.shared / "oracle"
    source = oracle / "stories260K/vectors/mood.mean.pt"
    reference = json.loads((oracle / "stories260K/reference.json").read_text())["concepts"]["mood"]["test"]
    items = json.loads((oracle / "items.json").read_text())["mood"]["test"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = Program(args.steerscope, folder)
        they_write(program, folder, 64)
        they_read(program, source, folder)
        model = args.shared / "models/stories260K/stories260K-f32.gguf"
        llama(program, source, model, reference, items, folder, args.tolerance)
    if FAILED:
        sys.exit(f"{len(FAILED)} failed: {', '.join(FAILED)}")


if __name__ == "__main__":
    main()
