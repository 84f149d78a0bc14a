"""Ray: an actor in a process of its own; what is large goes by its object store, from which arrays are read where they lie.

Run as: rayactor.py server PATH, and then: rayactor.py client ADDRESS,TOKEN
"""

import os
import secrets
import sys

# Ray reads its environment when it is imported. Only this machine may reach it, by the loopback interface, and with a token that
# ends with the server.
os.environ |= {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN_PATH": sys.argv[2].split(",")[-1] + ("" if sys.argv[1] == "client" else ".token"),
    "PYTHONPATH": sys.path[0],
}

import numpy as np
import ray

import turns
import work

NAME, NAMESPACE = "store", "compare"


@ray.remote(num_cpus=0)
class Store:
    """The actor."""

    def echo(self, data):
        return data

    def table(self, n):
        return work.columns(n)


def server(path):
    token = os.environ["RAY_AUTH_TOKEN_PATH"]
    with open(os.open(token, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as f:
        f.write(secrets.token_hex(32))
    ray.init(
        num_cpus=1,
        object_store_memory=4 << 30,
        include_dashboard=False,
        log_to_driver=False,
        namespace=NAMESPACE,
        _temp_dir=os.path.dirname(path) + "/ray",
    )
    store = Store.options(name=NAME).remote()
    ray.get(store.echo.remote(b""))
    turns.serve(ray.get_runtime_context().gcs_address + "," + token)
    ray.shutdown()


def client(address):
    ray.init(address=address.split(",")[0], namespace=NAMESPACE, log_to_driver=False)
    store = ray.get_actor(NAME)

    def echo(data, keep):
        work.check(ray.get(store.echo.remote(keep(data))), data)

    def prepare(request):
        if request["work"] == "table":
            return lambda: work.add_up(ray.get(store.table.remote(request["size"])))
        data = np.frombuffer(work.payload(request["size"]), dtype="u1")
        small = request["size"] < 100 << 10  # what Ray sends along with the call
        return lambda: echo(data, (lambda d: d) if small else ray.put)

    turns.play(prepare)
    ray.shutdown()


{"server": server, "client": client}[sys.argv[1]](sys.argv[2])
