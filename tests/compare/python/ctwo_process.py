"""The two processes of C-Two, whichever its release: a server with one resource, and a client of that."""

import sys

import c_two as cc

import turns

# What its own benchmarks set.
MEMORY = {"pool_segment_size": 2 << 30, "max_pool_segments": 8}


def run(contract, resource, preparer):
    """Play the role that the command line names. preparer(store) returns a client's prepare function, see turns.play."""
    role, address = sys.argv[1:3]
    if role == "server":
        serve(contract, resource)
    else:
        call(contract, address, preparer)
    cc.shutdown()


def serve(contract, resource):
    cc.set_server(ipc_overrides=MEMORY)
    cc.register(contract, resource, name="store")
    turns.serve(cc.server_address())


def call(contract, address, preparer):
    cc.set_client(ipc_overrides=MEMORY)
    store = cc.connect(contract, name="store", address=address)
    turns.play(preparer(store))
    cc.close(store)
