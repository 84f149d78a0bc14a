"""C-Two up to 0.5: transferables of one's own, with views under hold.

Run as: ctwo_views.py server|client ADDRESS
"""

import c_two as cc

import ctwo_process
import work


@cc.transferable(abi_id="compare.blob.v1")
class Blob:
    """Bytes, owned or where they lie."""

    data: bytes

    def serialize(blob: "Blob") -> bytes:
        return blob.data

    def deserialize(raw: bytes) -> "Blob":
        return Blob(bytes(raw))

    def from_buffer(buffer: memoryview) -> "Blob":
        return Blob(buffer)

    def __init__(self, data):
        self.data = data


@cc.crm(namespace="compare.store", version="0.1.0")
class Store:
    """The contract."""

    @cc.read
    @cc.transfer(input=Blob, output=Blob, buffer="view")
    def echo(self, blob: Blob) -> Blob: ...

    @cc.read
    @cc.transfer(input=Blob, output=Blob, buffer="hold")
    def mirror(self, blob: Blob) -> Blob: ...

    @cc.read
    @cc.transfer(output=Blob)
    def table(self, n: int) -> Blob: ...


class StoreResource:
    """The resource. Its tables are bytes already when they are asked for."""

    def echo(self, blob: Blob) -> Blob:
        return blob

    def mirror(self, blob: Blob) -> Blob:
        return blob

    def table(self, n: int) -> Blob:
        return Blob(work.table_bytes(n))


def preparer(store):
    def echo(data):
        work.check(store.echo(Blob(data)).data, data)

    def echo_held(data):
        with cc.hold(store.mirror)(Blob(data)) as held:
            work.check(held.value.data, data)

    def table(n):
        return work.add_up(work.table_view(store.table(n).data))

    def table_held(n):
        with cc.hold(store.table)(n) as held:
            return work.add_up(work.table_view(held.value.data))

    ways = {("echo", "owned"): echo, ("echo", "in place"): echo_held, ("table", "held"): table_held, ("table", "owned"): table}

    def prepare(request):
        way = ways[request["work"], request["way"]]
        what = work.payload(request["size"]) if request["work"] == "echo" else request["size"]
        return lambda: way(what)

    return prepare


ctwo_process.run(Store, StoreResource(), preparer)
