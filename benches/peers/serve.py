"""What the two engines from PyPI have in common: requests and answers as lines of JSON."""

import json
import sys
import time


def ids(n, sequence):
    """The same token ids as steerscope's side uses; every vocabulary here has them."""
    return [(i * 7919 + sequence * 104729 + 13) % 2048 for i in range(n)]


def timed(work):
    start = time.perf_counter()
    work()
    return {"seconds": time.perf_counter() - start}


def serve(about, measures):
    """Answers requests until standard input ends. `measures` maps a name to a function."""
    print(json.dumps(about), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        measure = measures[request.pop("measure")]
        print(json.dumps(measure(**request)), flush=True)
