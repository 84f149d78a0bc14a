"""C-Two from 0.6 on: no transferables of one's own; what is not FastDB's is pickled.

Run as: ctwo.py server|client ADDRESS
"""

import dataclasses

import c_two as cc
import numpy as np

import ctwo_process
import work


@dataclasses.dataclass
class Table:
    """The table as arrays, which pickle copies as they are."""

    row_id: np.ndarray
    x: np.ndarray
    y: np.ndarray
    z: np.ndarray


# Both processes know the classes by the name of this module, which is the program in both.
@cc.crm(namespace="compare.store", version="0.1.0")
class Store:
    """The contract."""

    @cc.read
    def echo(self, data: bytes) -> bytes: ...

    @cc.read
    def table(self, n: int) -> Table: ...


class StoreResource:
    """The resource."""

    def echo(self, data: bytes) -> bytes:
        return data

    def table(self, n: int) -> Table:
        return Table(**work.columns(n))


def preparer(store):
    def prepare(request):
        if request["work"] == "table":
            return lambda: work.add_up(vars(store.table(request["size"])))
        data = work.payload(request["size"])
        return lambda: work.check(store.echo(data), data)

    return prepare


ctwo_process.run(Store, StoreResource(), preparer)
