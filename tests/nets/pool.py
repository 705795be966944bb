"""Work on as many networks at a time as there are processors.

Each worker is bound to one processor, so that the programs it starts, ours
and ONNX Runtime, use one thread: the processors are shared among networks,
not among the threads of each, which would wait for one another.
"""
import concurrent.futures
import multiprocessing
import os
import sys


def bind(processors):
    os.sched_setaffinity(0, {processors.get()})


def each(work, items):
    """Prints the lines work(item) gives, as items finish; the FAIL lines."""
    processors = multiprocessing.Queue()
    numbers = sorted(os.sched_getaffinity(0))
    for n in numbers:
        processors.put(n)
    failed = 0
    with concurrent.futures.ProcessPoolExecutor(len(numbers), None, bind,
                                                (processors,)) as pool:
        for done in concurrent.futures.as_completed(
                [pool.submit(work, item) for item in items]):
            for line in done.result():
                print(line)
                failed += line.startswith("FAIL")
            sys.stdout.flush()
    return failed
