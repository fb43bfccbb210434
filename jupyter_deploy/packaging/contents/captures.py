"""What can't go with a model: what is open or runs here, sits on a GPU, or is far too large.

Objects are known by the names of their types, so that no library is imported to look for its own.
"""

from __future__ import annotations

import copyreg
import io
import sys
from dataclasses import dataclass
from functools import lru_cache
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from jupyter_deploy.exceptions import UnsupportedModelError
from jupyter_deploy.packaging.contents.places import captured, locate

#: Bytes that a captured variable may have when pickled.
LIMIT = 10_000_000


@dataclass(frozen=True)
class Kind:
    """A kind of objects that can't go along, and what to do about one."""

    name: str
    advice: str


FILE = Kind(
    "an open file",
    "What is open here is not open in the served process. Read what is needed beforehand and "
    "keep the content, or open the file inside the function.",
)
CONNECTION = Kind(
    "an open connection",
    "A connection ends with this process. Connect inside the function, at its first use, with "
    "the address and the credentials from the environment of the served process.",
)
RUNNING = Kind(
    "something that runs or waits in this process",
    "Locks, threads, queues and pools belong to one process. Make it inside the function or in "
    "__setstate__, or leave it out of the model by __getstate__.",
)
GENERATOR = Kind(
    "a generator under way",
    "A generator can't be copied half-way. Keep its values in a list, or call the generator's "
    "function where the values are needed.",
)
GPU = Kind(
    "memory of a GPU",
    "The served process may run where there is no such GPU. Move it to the CPU before deploying: "
    ".cpu() in PyTorch, .get() in CuPy, .to_pandas() in cuDF, jax.device_get() in JAX.",
)
SESSION = Kind(
    "a session of ONNX Runtime",
    "Deploy the ONNX model itself: give its path or ModelProto in place of the session.",
)

_KINDS = {
    FILE: """
        _io.BufferedRWPair _io.BufferedRandom _io.BufferedReader _io.BufferedWriter _io.FileIO
        _io.TextIOWrapper bz2.BZ2File gzip.GzipFile h5py._hl.base.HLObject
        ipykernel.iostream.OutStream lzma.LZMAFile mmap.mmap shelve.Shelf tables.file.File
        tarfile.TarFile tempfile.SpooledTemporaryFile tempfile._TemporaryFileWrapper
        zipfile.ZipFile""",
    CONNECTION: """
        _duckdb.DuckDBPyConnection _socket.socket aiohttp.client.ClientSession
        asyncpg.connection.Connection botocore.client.BaseClient distributed.client.Client
        duckdb.DuckDBPyConnection duckdb.duckdb.DuckDBPyConnection grpc._channel.Channel
        http.client.HTTPConnection httpx.AsyncClient httpx.Client kafka.producer.kafka.KafkaProducer
        mysql.connector.abstracts.MySQLConnectionAbstract oracledb.connection.BaseConnection
        paramiko.client.SSHClient psycopg.AsyncConnection psycopg.Connection psycopg.Cursor
        psycopg2.extensions.connection psycopg2.extensions.cursor pymongo.mongo_client.MongoClient
        pymongo.synchronous.mongo_client.MongoClient pymysql.connections.Connection
        pyodbc.Connection pyodbc.Cursor pyspark.sql.session.SparkSession redis.client.Redis
        snowflake.connector.connection.SnowflakeConnection socket.socket
        sqlalchemy.engine.base.Connection
        sqlalchemy.engine.base.Engine sqlalchemy.orm.session.Session sqlite3.Connection
        sqlite3.Cursor zmq.backend.cython._zmq.Socket zmq.sugar.context.Context""",
    RUNNING: """
        _asyncio.Future _asyncio.Task _queue.SimpleQueue _thread.RLock _thread._local _thread.lock
        asyncio.events.AbstractEventLoop concurrent.futures._base.Executor
        concurrent.futures._base.Future multiprocessing.pool.Pool
        multiprocessing.process.BaseProcess queue.Queue subprocess.Popen threading.Barrier
        threading.Condition threading.Event threading.Semaphore threading.Thread""",
    GENERATOR: """
        builtins.async_generator builtins.coroutine builtins.frame builtins.generator""",
    GPU: """
        cudf.core.frame.Frame cupy.cuda.stream.Stream cupy.ndarray cupy._core.core._ndarray_base
        numba.cuda.cudadrv.devicearray.DeviceNDArrayBase pycuda.gpuarray.GPUArray
        torch.cuda.streams.Event torch.cuda.streams.Stream""",
    SESSION: """
        onnxruntime.capi.onnxruntime_inference_collection.InferenceSession""",
}
_BY_TYPE = {name: kind for kind, names in _KINDS.items() for name in names.split()}
#: Types whose values may lie on a GPU or not.
_PLACED = {
    "torch.Tensor",
    "jaxlib._jax.ArrayImpl",
    "jaxlib.xla_extension.ArrayImpl",
    "tensorflow.python.framework.ops.EagerTensor",
}


def kind_of(obj: Any) -> Kind | None:
    """Return the kind of objects that can't go along which `obj` is of; None when it can."""
    found = _kind(type(obj))  # type: ignore[arg-type]  # classes can be hashed
    if found is FILE and obj in (sys.stdout, sys.stderr) and type(obj) is io.TextIOWrapper:
        return None  # the served process has its own
    if isinstance(found, Kind):
        return found
    return GPU if found and _on_gpu(obj) else None


@lru_cache(maxsize=4096)
def _kind(cls: type) -> Kind | bool:
    """Kind of all of a type; True when its values may be on a GPU, else False."""
    if cls in copyreg.dispatch_table:
        return False
    for base in cls.__mro__:
        name = f"{base.__module__}.{base.__qualname__}"
        if name in _BY_TYPE:
            return _BY_TYPE[name]
        if name in _PLACED:
            return True
        if base.__module__ != "builtins" and {"__reduce__", "__reduce_ex__", "__getstate__"} & set(
            base.__dict__
        ):
            return False  # it knows how to be packed
    return False


def _on_gpu(obj: Any) -> bool:
    device = getattr(obj, "device", "")
    name = str(getattr(device, "platform", None) or getattr(device, "type", None) or device)
    return not any(word in name.lower() for word in ("cpu", "meta")) if name else False


def refuse(obj: Any, kind: Kind, root: Any, name: str) -> UnsupportedModelError:
    """Return the error about an object of that kind, which says where in `root` it is."""
    place = locate(root, obj, name)
    where = _capital(str(place)) if place else "Something in the model"
    label = getattr(obj, "name", None)
    title = f" {label!r}" if kind is FILE and isinstance(label, str) else ""
    return UnsupportedModelError(
        f"{where} is {kind.name} ({_type_name(obj)}{title}) and can't be packed.",
        kind.advice,
        place=str(place) if place else "",
        type=_type_name(obj),
    )


def check_sizes(owner: FunctionType | type) -> None:
    """Refuse what a function or class that is pickled by value takes along, if it is too large.

    Raises
    ------
    UnsupportedModelError
        For a variable over :data:`LIMIT`; names it and its user.
    """
    if isinstance(owner, type):
        parts, user = dict(vars(owner)), f"the class {owner.__name__}"
    else:
        parts, user = captured(owner), f"{owner.__name__}()"
    for name, value in parts.items():
        size, exact = _size(value)
        if size <= LIMIT:
            continue
        about = f"{size / 1e6:.1f} MB" if exact else f"over {LIMIT / 1e6:.0f} MB"
        advice = (
            "Make it part of the model: write a class with predict that keeps it as an attribute "
            f"(self.{name}), which may be of any size, and deploy an instance. "
            if hasattr(value, "predict")
            else "Keep only what is needed of it, or make it an attribute of the model, which may "
            f"be of any size: a class that is given it (def __init__(self, {name}): self.{name} = "
            f"{name}) and has predict (for a pre- or postprocess __call__), of which an object is "
            "deployed. "
        )
        raise UnsupportedModelError(
            f"The variable {name!r} that {user} uses is {about} ({_type_name(value)}); "
            f"what a function takes along may have {LIMIT / 1e6:.0f} MB.",
            advice + "It would be loaded by every worker, and packed again with every version.",
            variable=name,
            user=user,
            type=_type_name(value),
            bytes=size if exact else None,
        )


def _size(value: Any) -> tuple[int, bool]:
    """Bytes of `value` when pickled, and whether that is all of it or where counting ended."""
    if isinstance(value, ModuleType | FunctionType | type | BuiltinFunctionType):
        return 0, True
    if isinstance(value, str | bytes | bytearray):
        return len(value), True
    if kind_of(value) is not None:
        return 0, True  # is refused as what it is
    nbytes = getattr(value, "nbytes", None)
    if isinstance(nbytes, int):
        return nbytes, True
    return _pickled_size(value)


class _Full(Exception):  # noqa: N818  not an error: enough was counted
    pass


class _Counter(io.RawIOBase):
    """Counts what is written to it, up to the limit."""

    size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        length = memoryview(data).nbytes
        self.size += length
        if self.size > LIMIT:
            raise _Full
        return length


def _pickled_size(value: Any) -> tuple[int, bool]:
    import cloudpickle

    class Data(cloudpickle.Pickler):  # type: ignore[misc]  # cloudpickle has no types
        """Leaves code out, which is asked about for itself."""

        def persistent_id(self, obj: Any) -> Any:
            return "code" if isinstance(obj, FunctionType | ModuleType | type) else None

    counter = _Counter()
    try:
        Data(counter, protocol=5).dump(value)
    except _Full:
        memory = getattr(value, "memory_usage", None)  # of a pandas object, strings left out
        estimate = int(_total(memory)) if callable(memory) else 0
        return max(estimate, counter.size), estimate > LIMIT
    except Exception:  # noqa: BLE001  packing says why, by name
        return 0, True
    return counter.size, True


def _total(memory_usage: Any) -> Any:
    found = memory_usage(index=True)
    return found.sum() if hasattr(found, "sum") else found


def _type_name(obj: Any) -> str:
    return type(obj).__name__


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:] if text.startswith("the ") else text
