"""The walk through a Python object: a hash for each of its parts, which is equal in every process.

A function is taken apart into its code, its defaults, its closure and the globals that it reads; a class into its
methods; a network into its tensors and its settings; any other object as pickle does. Code of libraries is taken by
name and version (`libraries`), a module of the user by the content of its file.
"""

import copyreg
import functools
import hashlib
import importlib
import logging
import sys
import threading
import types
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ablations.models.objects import libraries
from ablations.models.objects.parts import attribute, file_hash, hash_of_texts, names_read, plain, uncompiled
from passt.network.identity import hash_of

PLAIN = (type(None), bool, int, float, complex, str, bytes, type(...), range)
"""Types whose `repr` says everything."""
WITHOUT_MEANING = (type(threading.Lock()), type(threading.RLock()), logging.Logger, types.GetSetDescriptorType)
"""Types of objects that decide no numbers."""
NO_CODE = {
    *("__dict__", "__weakref__", "__doc__", "__module__", "__qualname__", "__name__", "__firstlineno__"),
    *("__static_attributes__", "__annotations__", "__annotate__", "__annotate_func__", "__annotations_cache__"),
    *("__abstractmethods__", "_abc_impl", "__dataclass_fields__", "__dataclass_params__", "__match_args__"),
    "__slots__",
}
"""Attributes of a class that are no part of what it computes."""
OF_EVERY_NETWORK = frozenset(vars(nn.Module())) | {"_is_torch_compile", "_compiled_call_impl"}
"""Attributes of a network that its class does not set, or that torch.compile does."""


class Walk:
    """The state of taking an object apart.

    Attributes:
        tensors: parameters and buffers, in the order in which they were reached.
        networks: in that order too.
        unknown: as `Identity.unknown`, as keys.
    """

    def __init__(self, hashes: bool = True) -> None:
        self.hashes = hashes
        self.tensors: dict[str, Tensor] = {}
        self.networks: list[nn.Module] = []
        self.unknown: dict[str, None] = {}
        self._known: dict[int, tuple[Any, str]] = {}  # the object too, so that its id stays its own
        self._open: dict[int, int] = {}

    def digest(self, value: Any, name: str) -> str:
        """Hash a value; `name` is what it is called where it was found."""
        value = uncompiled(value)
        if type(value) in PLAIN:
            return hash_of_texts(type(value).__name__, repr(value))
        if id(value) in self._known:
            return self._known[id(value)][1]
        if id(value) in self._open:  # it contains itself
            return hash_of_texts("again", str(self._open[id(value)]))
        self._open[id(value)] = len(self._open)
        try:
            text = hash_of_texts(*self._parts(value, name))
        except RecursionError:
            raise
        except Exception:  # an object of the user's may do anything when it is looked at
            text = self._unknown(value, name)
        del self._open[id(value)]
        self._known[id(value)] = value, text
        return text

    def _parts(self, value: Any, name: str) -> Iterator[str]:
        """Give the hashes of a value's parts, each once, in an order that is always the same."""
        if isinstance(value, WITHOUT_MEANING):
            return
        if isinstance(value, Tensor | np.ndarray):
            yield from self._array(value, name)
        elif isinstance(value, nn.Module):
            yield from self._network(value)
        elif isinstance(value, types.ModuleType):
            yield from self._module(value)
        elif isinstance(value, type):
            yield from self._class(value)
        elif isinstance(value, types.FunctionType):
            yield from self._function(value)
        elif isinstance(value, types.CodeType):
            yield from self._code(value)
        elif isinstance(value, types.MethodType):
            yield from (self.digest(value.__self__, name), self.digest(value.__func__, name))
        elif isinstance(value, functools.partial):
            yield from self._all("partial", [value.func, value.args, value.keywords], name)
        elif isinstance(value, property):
            yield from self._all("property", [value.fget], name)
        elif isinstance(value, staticmethod | classmethod):
            yield from self._all(type(value).__name__, [value.__func__], name)
        elif type(value) in (tuple, list):
            yield from self._all(type(value).__name__, value, name)
        elif isinstance(value, dict | types.MappingProxyType):
            yield from self._all("dict", [part for item in value.items() for part in item], name)
        elif type(value) in (set, frozenset):
            yield from ("set", *sorted(self.digest(part, name) for part in value))
        elif isinstance(fingerprint := attribute(value, "fingerprint"), str):
            yield from ("fingerprint", fingerprint, str(getattr(value, "spec", "")))
        else:
            yield from self._pickled(value, name)

    def _unknown(self, value: Any, name: str) -> str:
        """Note that nothing identifies a value, and hash its type."""
        kind = type(value)
        self.unknown[f"{name} ({kind.__module__}.{kind.__qualname__})".replace("builtins.", "")] = None
        return hash_of_texts("unknown", kind.__qualname__)

    def _all(self, kind: str, values: Iterable[Any], name: str) -> Iterator[str]:
        yield kind
        yield from (self.digest(value, name) for value in values)

    def _array(self, value: Tensor | np.ndarray, name: str) -> Iterator[str]:
        yield from (str(value.dtype), str(tuple(value.shape)))
        if not self.hashes:
            return
        if isinstance(value, np.ndarray):
            objects = value.dtype.hasobject
            yield self.digest(value.tolist(), name) if objects else hashlib.sha256(value.tobytes()).hexdigest()
        else:
            yield hash_of({"": plain(value.detach())})

    def _network(self, net: nn.Module) -> Iterator[str]:
        number = len(self.networks)
        self.networks.append(net)
        if isinstance(net, torch.jit.ScriptModule):
            yield from (str(attribute(part, "code")) for part in net.modules())
            self.tensors |= {f"{number}.{name}": plain(tensor) for name, tensor in net.state_dict().items()}
            return
        for name, tensor in (*net._parameters.items(), *net._buffers.items()):
            if tensor is not None and self.hashes:
                self.tensors[f"{number}.{name}"] = plain(tensor.detach())
        yield self.digest(type(net), type(net).__name__)
        for name, value in sorted(vars(net).items()):
            if name not in OF_EVERY_NETWORK or (name.startswith("_forward") and value):
                yield from (name, self.digest(value, name))
        yield from (text for name, child in net._modules.items() for text in (name, self.digest(child, name)))

    def _module(self, module: types.ModuleType) -> Iterator[str]:
        name = module.__name__
        if libraries.is_library(name):
            yield libraries.identity(name)
            return
        yield file_hash(libraries.file_of(name))
        for known, value in sorted(vars(module).items()):
            home = value.__name__ if isinstance(value, types.ModuleType) else getattr(value, "__module__", None)
            if isinstance(home, str) and home != name and home in sys.modules and not libraries.is_library(home):
                yield from (known, self.digest(sys.modules[home], home))

    def _class(self, kind: type) -> Iterator[str]:
        if libraries.is_library(kind.__module__):
            yield from (libraries.identity(kind.__module__), kind.__qualname__)
            return
        yield from self._all("class", [base for base in kind.__bases__ if base is not object], kind.__name__)
        for name, value in sorted(vars(kind).items()):
            if name not in NO_CODE and not isinstance(value, types.MemberDescriptorType):
                yield from (name, self.digest(value, name))

    def _function(self, function: types.FunctionType) -> Iterator[str]:
        module, name = function.__module__ or "", function.__name__
        if libraries.is_library(module) and "<locals>" not in function.__qualname__:
            yield from (libraries.identity(module), function.__qualname__)
            return
        yield self.digest(function.__code__, name)
        yield from self._all("defaults", [function.__defaults__, function.__kwdefaults__, vars(function)], name)
        for variable, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            try:
                yield self.digest(cell.cell_contents, variable)
            except ValueError:  # it has no value yet
                yield variable
        for variable in sorted(names_read(function.__code__, ("LOAD_GLOBAL", "LOAD_NAME"))):
            if variable in function.__globals__:
                yield from (variable, self.digest(function.__globals__[variable], variable))
        for imported in sorted(names_read(function.__code__, ("IMPORT_NAME",))):
            yield from (imported, self._imported(imported))

    def _imported(self, name: str) -> str:
        """Hash a module that a function imports when it is called."""
        if libraries.is_library(name):
            return libraries.identity(name)
        try:  # a module of the user's, whose imports matter too
            return self.digest(importlib.import_module(name), name)
        except Exception:  # which the call may never reach, or will raise
            return file_hash(libraries.file_of(name))

    def _code(self, code: types.CodeType) -> Iterator[str]:
        yield from (code.co_code.hex(), code.co_exceptiontable.hex(), str(code.co_flags))
        yield from (str(code.co_argcount), str(code.co_kwonlyargcount))
        yield from (*code.co_names, "|", *code.co_varnames, "|", *code.co_freevars, "|", *code.co_cellvars)
        yield from self._all("constants", code.co_consts, code.co_name)

    def _pickled(self, value: Any, name: str) -> Iterator[str]:
        """Take an object apart as pickle does; what pickle refuses is unknown."""
        kind = type(value)
        home = attribute(value, "__module__")
        by_name = isinstance(home, str) and libraries.is_library(home)
        if isinstance(value, types.BuiltinFunctionType) and isinstance(value.__self__, types.ModuleType | None):
            yield from (libraries.identity(home or ""), value.__qualname__)
            return
        if callable(wrapped := attribute(value, "__wrapped__")) and not by_name:  # by functools.cache and others
            yield from (kind.__qualname__, self.digest(wrapped, name))
            return
        try:
            reducer = copyreg.dispatch_table.get(kind)
            reduced = reducer(value) if reducer else value.__reduce_ex__(4)
        except Exception:
            reduced = None
        if isinstance(reduced, str) and by_name:  # the name of a global of a library
            yield from (libraries.identity(home), reduced)
            return
        if not isinstance(reduced, tuple):
            yield self._unknown(value, name)
            return
        maker, arguments, state, items, pairs = (*reduced, None, None, None)[:5]
        yield self.digest(kind, kind.__name__)
        yield from self._all("pickled", [maker, arguments], name)
        if isinstance(state, dict):
            yield from (text for key, part in state.items() for text in (str(key), self.digest(part, str(key))))
        elif state is not None:
            yield self.digest(state, name)
        yield from self._all("items", [*(items or ()), *(pairs or ())], name)
