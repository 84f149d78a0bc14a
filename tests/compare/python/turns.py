"""The client's and the server's side of the comparison's protocol: what package turn is to peers written in Go.

A client gets lines of JSON on its standard input, each of which asks for a turn of calls, and answers each by a line. A server gets
lines that ask it to rest, and says each time that it is ready. Both end when their standard input does. Durations are nanoseconds.
"""

import gc
import json
import sys
import threading
import time


def say(line):
    """Write a line to the comparison. Whatever else a peer prints must not get there."""
    OUT.write(line + "\n")
    OUT.flush()


OUT, sys.stdout = sys.stdout, sys.stderr


def serve(address):
    """Tell where the server is reached, and return when it is to end."""
    say("ready " + address)
    for _ in sys.stdin:
        gc.collect()
        say("ready " + address)


def play(prepare):
    """Take turns. prepare(request) returns what a turn repeats: a function without arguments that returns a sum, or None."""
    say("ready client")
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = turn(request, prepare(request))
        except Exception as e:  # whatever it is, it is this turn's alone
            answer = {"error": " ".join(f"{type(e).__name__}: {e}".split())[:300]}
        say(json.dumps(answer))


def turn(request, call):
    """Make the calls of a turn."""
    gc.collect()
    begin = time.perf_counter_ns()
    for i in range(request["warm"]):
        if i and time.perf_counter_ns() - begin > request["span"]:
            break
        call()
    if request["callers"] > 1:
        return many(request, call)
    return one(request, call)


def one(request, call):
    """Make the calls of one caller, and time each."""
    took, total = [], None
    begin = time.perf_counter_ns()
    while len(took) < request["calls"] and (not took or time.perf_counter_ns() - begin < request["span"]):
        if request["pause"]:
            time.sleep(request["pause"] / 1e9)
        called = time.perf_counter_ns()
        got = call()
        took.append(time.perf_counter_ns() - called)
        if len(took) > 1 and got != total:
            raise ValueError(f"one call gave the sum {total}, the next {got}")
        total = got
    return {
        "took": took,
        "calls": len(took),
        "elapsed": time.perf_counter_ns() - begin,
        "sum": total or 0,
    }


def many(request, call):
    """Count the calls of several callers, a thread each."""
    begin = time.perf_counter_ns()
    counts, faults = [], []

    def caller():
        count = 0
        try:
            while not faults and time.perf_counter_ns() - begin < request["span"]:
                call()
                count += 1
        except Exception as e:
            faults.append(e)
        counts.append(count)

    threads = [threading.Thread(target=caller) for _ in range(request["callers"])]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if faults:
        raise faults[0]
    return {"calls": sum(counts), "elapsed": time.perf_counter_ns() - begin}
