"""Runs a workload once and prints its result and the seconds that it took."""

import time


def measure(run):
    start = time.perf_counter()
    result = run()
    seconds = time.perf_counter() - start
    print(f"{result} {seconds:.6f}")
