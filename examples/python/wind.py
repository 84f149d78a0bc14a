"""Calls the wind field of examples/relay from Python, by way of a relay: python3 wind.py [URL]

The URL is else that of C2_RELAY, and the token, if the relay wants one, that of C2_TOKEN, as for Go programs.
In JSON it takes nothing but Python's own library. Where numpy and cbor2 are, it also calls in CBOR, and gets numbers as
numpy arrays over the very bytes that came.
"""

import json
import os
import struct
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

try:
    import cbor2
    import numpy
except ImportError:
    cbor2 = numpy = None


class Problem(Exception):
    """A call that failed: docs/relay.md has the codes."""

    def __init__(self, problem):
        super().__init__(problem.get("detail", problem.get("title")))
        self.code, self.status = problem.get("code"), problem.get("status")
        self.names = problem.get("names", [])  # of the resource's own error
        self.may_have_run = problem.get("may_have_run", False)


class Relay:
    """A relay, at its URL."""

    def __init__(self, url, token=None):
        self.url = url
        self.headers = {"Authorization": "Bearer " + token} if token else {}

    def call(self, resource, method, *args, timeout=30.0):
        """Calls a method in JSON, and returns the list of its results."""
        return json.loads(self.post(resource, method, json.dumps(args).encode(), "application/json", timeout))

    def call_cbor(self, resource, method, *args, timeout=30.0):
        """Calls a method in CBOR, and returns the list of its results, with numpy arrays in it."""
        body = self.post(resource, method, cbor2.dumps(list(args)), "application/cbor", timeout)
        return cbor2.loads(body, tag_hook=array_of)

    def post(self, resource, method, body, kind, timeout):
        path = "/v1/resources/" + urllib.parse.quote(resource, safe="") + "/" + urllib.parse.quote(method, safe="")
        headers = {"Content-Type": kind, "C2-Timeout": f"{timeout:.6f}s", **self.headers}
        request = urllib.request.Request(self.url + path, data=body, headers=headers, method="POST")
        try:
            # The relay ends the call in time; a moment more, should the relay be gone.
            with urllib.request.urlopen(request, timeout=timeout + 1) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            with error:
                if error.headers.get_content_type() != "application/problem+json":
                    raise
                raise Problem(json.load(error)) from None


# The tags of typed arrays (RFC 8746), and what numpy calls their numbers.
TYPED = {69: "<u2", 70: "<u4", 71: "<u8", 72: "i1", 77: "<i2", 78: "<i4", 79: "<i8", 85: "<f4", 86: "<f8",
         65: ">u2", 66: ">u4", 67: ">u8", 73: ">i2", 74: ">i4", 75: ">i8", 81: ">f4", 82: ">f8"}
TRANSFERABLE = 1664221185  # around the bytes of columns, with padding before them
ALIGNED = 55799            # before a typed array: it means nothing


def array_of(*args):
    """Makes arrays of the tags that have them. Newer versions of cbor2 pass less beside the tag than older ones."""
    tag = next(a for a in args if isinstance(a, cbor2.CBORTag))
    if tag.tag in TYPED:
        return numpy.frombuffer(tag.value, TYPED[tag.tag])
    if tag.tag == TRANSFERABLE:
        data = tag.value if isinstance(tag.value, bytes) else tag.value[-1]
        return columns(data) if data[:6] == b"c2cols" else data
    return tag.value if tag.tag == ALIGNED else tag


KINDS = [None, "?", "<i1", "<i2", "<i4", "<i8", "<u1", "<u2", "<u4", "<u8", "<f4", "<f8"]


def columns(data):
    """Reads columns of numbers (docs/columns.md) as arrays over their bytes; those of other shapes are left out."""
    magic, version, _, count, _ = struct.unpack_from("<6sHIIQ", data)
    if (magic, version) != (b"c2cols", 1):
        raise ValueError("these are no columns, or of another version")
    at, found = 24, {}
    for _ in range(count):
        size, shape, _, name, n, offset, _, width, parts = struct.unpack_from("<IBBHQQQII", data, at)
        key, p = data[at + 48:at + 48 + name].decode(), at + 48 + name
        if shape == 2:  # a list, of numbers or of structs of them
            fields = []
            for _ in range(parts):
                kind, _, path, run, place = struct.unpack_from("<BBHII", data, p)
                fields.append((data[p + 12:p + 12 + path].decode(), (KINDS[kind], (run,)) if run > 1 else KINDS[kind], place))
                p += 12 + path
            names, formats, places = zip(*fields)
            kind = numpy.dtype({"names": names, "formats": formats, "offsets": places, "itemsize": width} if any(names) else formats[0])
            found[key] = numpy.frombuffer(data, kind, n, offset)
        at += size
    return found


def in_json(relay):
    summary, = relay.call("wind", "Summary")
    print(f"{summary['Points']} points, mean {summary['Mean']:.2f} m/s, answered by process {summary['Process']}")
    point, = relay.call("wind", "At", 2.35, 48.85)
    print(f"at Paris {point['Speed']} m/s towards {point['Direction']:.0f}°")

    try:
        relay.call("wind", "At", -74, 40.7)
    except Problem as p:
        print(f"at New York: {p} (status {p.status}, code {p.code}, names {p.names})")
    try:
        relay.call("wind", "Strongest", "two")
    except Problem as p:
        print(f"a wrong argument: status {p.status}, code {p.code}; may it have run? {p.may_have_run}")
    begin = time.monotonic()
    try:
        relay.call("wind", "Smooth", 10_000_000, timeout=0.2)
    except Problem as p:
        took = time.monotonic() - begin
        print(f"no time for that: status {p.status}, code {p.code}, {'in time' if took < 1 else f'after {took:.1f} s'}; may it have run? {p.may_have_run}")


def in_cbor(relay):
    speeds, = relay.call_cbor("wind", "Speeds")
    print(f"{len(speeds)} speeds as {speeds.dtype}, mean {speeds.mean():.2f}; has the array numbers of its own? {speeds.flags.owndata}")
    grid, = relay.call_cbor("wind", "Grid")
    speed, latitude = grid["Speed"], grid["Latitude"]
    print(f"{len(grid)} columns, mean {speed.mean():.2f}, north of 57° {speed[latitude > 57].mean():.2f}; have they numbers of their own? "
          f"{any(c.flags.owndata for c in grid.values())}")
    storm = {"West": 0.0, "South": 50.0, "East": 10.0, "North": 60.0}
    changed, = relay.call_cbor("wind", "Scale", storm, 1.0)
    print(f"{changed} points changed")


def main(relay):
    in_json(relay)
    if numpy is None:
        print("numpy and cbor2 are not there, so that was all")
        return
    print()
    in_cbor(relay)


if __name__ == "__main__":
    url = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("C2_RELAY", "http://127.0.0.1:8080").split(",")[0]
    try:
        main(Relay(url.rstrip("/"), os.environ.get("C2_TOKEN")))
    except urllib.error.URLError as error:
        sys.exit(f"no answer from a relay at {url}: {error.reason}; start one with: go run ./cmd/c3 relay")
    except Problem as p:
        sys.exit(f"the relay at {url} says: {p}" + ("; start the server with: go run ./examples/relay -serve " + url if p.code == "not_found" else ""))
