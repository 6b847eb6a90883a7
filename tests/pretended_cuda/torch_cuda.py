"""What torch.cuda answers in a process that has the pretended device."""

import contextlib
from types import SimpleNamespace
from typing import Any

import torch

from tests.pretended_cuda.device import Device
from tests.pretended_cuda.graphs import capture, graph_class
from tests.pretended_cuda.streams import stream_classes

NAME = "pretended"
CAPABILITY = (9, 0)  # of an H200


def install(device: Device) -> None:
    """Let torch.cuda answer for the device, for the rest of the process."""
    stream, event = stream_classes(device)
    graph = graph_class(device)

    def get_device_properties(_: Any = None) -> SimpleNamespace:
        return SimpleNamespace(
            name=NAME, major=CAPABILITY[0], minor=CAPABILITY[1], total_memory=device.memory, multi_processor_count=132
        )

    def get_rng_state(_: Any = None) -> torch.Tensor:
        return torch.cuda.default_generators[0].get_state()

    def set_rng_state(state: torch.Tensor, _: Any = None) -> None:
        torch.cuda.default_generators[0].set_state(state)

    answers: dict[str, Any] = {
        "_lazy_init": lambda: None,
        "_initialized": True,
        "is_available": lambda: True,
        "is_initialized": lambda: True,
        "is_bf16_supported": lambda *_, **__: True,
        "current_device": lambda: 0,
        "device_count": lambda: 1,
        "set_device": lambda _: None,
        "device": lambda _: contextlib.nullcontext(),
        "get_device_name": lambda _=None: NAME,
        "get_device_capability": lambda _=None: CAPABILITY,
        "get_device_properties": get_device_properties,
        "mem_get_info": lambda _=None: (device.memory - device.allocated, device.memory),
        "memory_allocated": lambda _=None: device.allocated,
        "memory_reserved": lambda _=None: device.allocated,
        "max_memory_allocated": lambda _=None: device.peak,
        "max_memory_reserved": lambda _=None: device.peak,
        "reset_peak_memory_stats": lambda _=None: device.reset_peak(),
        "empty_cache": lambda: None,
        "synchronize": lambda _=None: device.wait("device"),
        "Stream": stream,
        "Event": event,
        "stream": stream.use,
        "current_stream": lambda _=None: stream(number=device.library.pretended_stream()),
        "default_stream": lambda _=None: stream(number=0),
        "CUDAGraph": graph,
        "graph": capture(device, stream),
        "graph_pool_handle": lambda: (0, 1),
        "is_current_stream_capturing": lambda: bool(device.library.pretended_capturing()),
        "get_rng_state": get_rng_state,
        "set_rng_state": set_rng_state,
        "_is_in_bad_fork": lambda: False,
    }
    for name, answer in answers.items():
        setattr(torch.cuda, name, answer)
    torch.storage._StorageBase.clone = _clone_of_storage(torch.storage._StorageBase.clone)
    torch.cuda.default_generators = (torch.Generator("cuda"),)  # the first one that is asked for is the default one
    for place in (torch.cuda.random, torch.cuda.memory, torch.cuda.graphs, torch.cuda.streams):
        for name in answers.keys() & vars(place).keys():
            setattr(place, name, answers[name])


def _clone_of_storage(original: Any) -> Any:
    """Make the method that copies a storage; a CPU build of torch can't allocate one on the device."""

    def clone(self: torch.UntypedStorage) -> torch.UntypedStorage:
        if self.device.type != "cuda":
            return original(self)
        place = torch.empty(self.nbytes(), dtype=torch.uint8, device="cuda")
        return place.copy_(torch.empty(0, dtype=torch.uint8, device="cuda").set_(self)).untyped_storage()

    return clone
