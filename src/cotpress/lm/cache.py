"""Keys and values of what a model has read: all that cotpress knows of the inside of transformers'
caches.

It is not part of the library's public interface: `tests/test_upstream.py` names the version it was
seen in, and fails where a newer one differs. A plain layer holds one key and value per token; those
of a sliding window or a recurrent state do not.
"""

from typing import Any

import torch
from transformers import DynamicCache, PreTrainedModel
from transformers.cache_utils import DynamicLayer

Cache = DynamicCache
"""What a model reads from and writes to, layer by layer."""

ROOM = 64
"""Steps for which the buffers of keys and values are enlarged at once."""


class RoomyLayer(DynamicLayer):  # type: ignore[misc]  # transformers is untyped
    """Keys and values in buffers with room for more, where the
    layer it stands for copies them all at every step.
    """

    keys: torch.Tensor
    values: torch.Tensor
    buffers: tuple[torch.Tensor, torch.Tensor] | None = None

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append (B, heads, T, width) and return all keys and values so far."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        begin = self.get_seq_length()
        end = begin + key_states.shape[-2]
        if self.buffers is None or self.buffers[0].shape[-2] < end:
            self.buffers = (
                _enlarged(self.keys, key_states, end),
                _enlarged(self.values, value_states, end),
            )
        keys, values = self.buffers
        keys[:, :, begin:end] = key_states
        values[:, :, begin:end] = value_states
        self.keys, self.values = keys[:, :, :end], values[:, :, :end]
        return self.keys, self.values

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Keep only these rows of the batch."""
        super().batch_select_indices(indices)
        self.buffers = None

    def repack(self, rows: torch.Tensor, width: int) -> None:
        """These rows, in this order, right-aligned in `width` columns: padding on the
        left goes, or comes.
        """
        if not self.is_initialized:
            return
        old, self.buffers = (self.keys, self.values), None
        rows = rows.to(old[0].device)  # layers of a spread model are on several devices
        kept = min(width, self.get_seq_length())
        made = []
        for states in old:
            _, heads, _, size = states.shape
            buffer = states.new_empty(len(rows), heads, width + ROOM, size)
            buffer[:, :, : width - kept] = 0  # what is masked must still be a number
            buffer[:, :, width - kept : width] = states[:, :, states.shape[2] - kept :][rows]
            made.append(buffer)
        self.buffers = made[0], made[1]
        self.keys, self.values = made[0][:, :, :width], made[1][:, :, :width]

    def put(self, other: "RoomyLayer", rows: torch.Tensor) -> None:
        """Let the rows of another layer stand in place of `rows`, right-aligned."""
        if self.is_initialized:
            begin = self.get_seq_length() - other.get_seq_length()
            rows = rows.to(self.keys.device)
            self.keys[rows, :, begin:] = other.keys
            self.values[rows, :, begin:] = other.values


def _enlarged(old: torch.Tensor, new: torch.Tensor, length: int) -> torch.Tensor:
    buffer = new.new_empty(*new.shape[:2], length + ROOM, new.shape[-1])
    if old.numel():
        buffer[:, :, : old.shape[-2]] = old
    return buffer


def empty_cache(model: Any) -> DynamicCache:
    """The cache that this model takes."""
    return DynamicCache(config=model.config)


def is_plain(model: Any) -> bool:
    """Whether all layers hold one key and value per token, so
    that a beginning can be kept and shared.
    """
    return all(type(layer) is DynamicLayer for layer in empty_cache(model).layers)


def roomy_cache(model: PreTrainedModel) -> DynamicCache:
    """The cache this model takes, its plain layers with room for more; others stay as they are."""
    cache = empty_cache(model)
    cache.layers = [
        RoomyLayer() if type(layer) is DynamicLayer else layer for layer in cache.layers
    ]
    return cache


def repack(cache: DynamicCache, rows: torch.Tensor, width: int) -> None:
    """Keep these rows of a plain, roomy cache, in this order and in `width` columns; one may come
    twice.
    """
    for layer in cache.layers:
        layer.repack(rows, width)


def put(cache: DynamicCache, other: DynamicCache, rows: torch.Tensor) -> None:
    """Let the rows of another plain, roomy cache, no wider, stand in place of `rows`."""
    for ours, theirs in zip(cache.layers, other.layers, strict=True):
        ours.put(theirs, rows)
