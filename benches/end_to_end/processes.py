"""Runs programs for the bench and says how long the first line of output took, and the peak memory.

A small process of its own, because a child's peak memory counts what its parent held when it was
started. A line of JSON asks for one run: {"argv": [...]}; the answer is a line too.
"""

import json
import os
import subprocess
import sys
import time

# What ru_maxrss counts in.
UNIT = 1 if sys.platform == "darwin" else 1024

for line in sys.stdin:
    argv = json.loads(line)["argv"]
    start = time.perf_counter()
    process = subprocess.Popen(argv, stdout=subprocess.PIPE)
    first = process.stdout.readline()
    seconds = time.perf_counter() - start
    process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode or not first:
        sys.exit(f"{argv[0]} failed with {process.returncode}")
    answer = {"seconds": seconds, "peak_memory_mb": usage.ru_maxrss * UNIT / 1e6}
    print(json.dumps(answer), flush=True)
