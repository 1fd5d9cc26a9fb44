"""Connectionist temporal classification: `nn.ctc_loss` and two ways to decode, `nn.ctc_*_decode`.

A label sequence stands for every frame sequence that gives it when repeats are merged and blanks
are left out. Source: Graves et al., "Connectionist Temporal Classification", 2006.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from graphc.kernels.reference.promotion import at_least_float32
from graphc.kernels.registry import op

IMPOSSIBLE = -1e5  # a log-probability: finite, so that gradients of impossible targets stay finite
NOTHING = -1  # fills up a decoded path


@op("nn.ctc_loss")
def ctc_loss(
    target: ArrayLike,
    output: ArrayLike,
    target_length: ArrayLike,
    output_length: ArrayLike,
    *,
    mask_index: int = 0,
) -> Array:
    """`-log p(labels | logits)`: labels [B, N], logits [B, T, C] and the two lengths [B] to [B].

    `mask_index` is the class that stands for the blank. The result is float32 or wider.

    Raises:
        ValueError: the four operands do not agree on the batch.
    """
    labels, logits = jnp.asarray(target, "int32"), at_least_float32(jnp.asarray(output))
    lengths = jnp.asarray(target_length, "int32"), jnp.asarray(output_length, "int32")
    _check_batch(labels, logits, *lengths)
    chances = jax.nn.log_softmax(logits)  # [B, T, C]
    of_labels = jnp.take_along_axis(chances, jnp.maximum(labels, 0)[:, None, :], axis=-1)
    of_blank = chances[..., mask_index, None]  # [B, T, 1]
    past_end = jnp.arange(logits.shape[1]) >= lengths[1][:, None]  # [B, T]
    # A label goes on to an equal one only through a blank.
    repeated = jnp.pad(labels[:, :-1] == labels[:, 1:], ((0, 0), (0, 1)))
    direct, by_blank = (jnp.where(r, IMPOSSIBLE, 0.0) for r in (repeated, ~repeated))

    def step(state: tuple[Array, Array], frame: tuple[Array, ...]) -> tuple[Any, None]:
        blank, label = state  # ends between labels [B, N + 1], ends on one [B, N]
        of_label, of_blank, over = frame
        free = _join(blank, label + direct)
        new_label = jnp.logaddexp(free[:, :-1], label) + of_label
        new_blank = _join(free + of_blank, label + of_blank + by_blank)
        kept = jnp.where(over, blank, new_blank), jnp.where(over, label, new_label)
        return kept, None

    nowhere = jnp.full(labels.shape, IMPOSSIBLE, logits.dtype)
    start = jnp.pad(nowhere, ((0, 0), (1, 0))), nowhere
    frames = (of_labels, of_blank, past_end[..., None])
    (blank, label), _ = lax.scan(step, start, tuple(jnp.moveaxis(f, 1, 0) for f in frames))
    last = jnp.clip(lengths[0], 0, labels.shape[1])
    return -jnp.take_along_axis(_join(blank, label), last[:, None], axis=1)[:, 0]


def _join(blank: Array, label: Array) -> Array:
    """Add the chance of leaving each label to the chance of being in the place behind it."""
    return jnp.concatenate([blank[:, :1], jnp.logaddexp(blank[:, 1:], label)], axis=1)


def _check_batch(*operands: Array) -> None:
    if len({operand.shape[0] for operand in operands}) > 1:
        raise ValueError(
            "Expected `target`, `output`, `target_length` and `output_length` to have the same "
            f"first dimension. Received shapes: {[operand.shape for operand in operands]}"
        )


@op("nn.ctc_greedy_decode")
def ctc_greedy_decode(
    inputs: ArrayLike, sequence_lengths: ArrayLike, *, merge_repeated: bool = True,
    mask_index: int | None = 0,
) -> tuple[Array, Array]:  # fmt: skip
    """The best class of every frame: logits [B, T, C] to labels [1, B, T] and scores [B, 1].

    Labels are moved to the front and followed by -1. The score is minus the sum of the largest
    logits. A `mask_index` of None is the last class.
    """
    logits = at_least_float32(jnp.asarray(inputs))
    blank = logits.shape[-1] - 1 if mask_index is None else mask_index
    over = jnp.arange(logits.shape[1]) >= jnp.asarray(sequence_lengths, "int32")[:, None]
    classes = jnp.where(over, blank, jnp.argmax(logits, axis=-1))
    score = -jnp.sum(jnp.where(over, 0.0, jnp.max(logits, axis=-1)), axis=1, keepdims=True)
    left_out = classes == blank
    if merge_repeated:
        left_out |= jnp.pad(classes[:, 1:] == classes[:, :-1], ((0, 0), (1, 0)))
    order = jnp.argsort(left_out, axis=-1, stable=True)
    labels = jnp.take_along_axis(jnp.where(left_out, NOTHING, classes), order, axis=-1)
    return labels[None].astype("int32"), score


class Beams(NamedTuple):
    """The `W` best label sequences so far, and their log-probabilities by how they end."""

    paths: Array  # [W, T], filled up with -1
    lengths: Array  # [W]
    on_label: Array  # [W]
    on_blank: Array  # [W]

    @property
    def total(self) -> Array:
        """The log-probabilities [W]."""
        return jnp.logaddexp(self.on_label, self.on_blank)


@op("nn.ctc_beam_decode")
def ctc_beam_decode(
    inputs: ArrayLike, sequence_lengths: ArrayLike, *, beam_width: int = 100, top_paths: int = 1,
    mask_index: int | None = 0,
) -> tuple[Array, Array]:  # fmt: skip
    """The most likely label sequences: logits [B, T, C] to paths [P, B, T] and scores [B, P].

    `P` is `top_paths`; paths end in -1; scores are log-probabilities, those of sequences that the
    beam dropped left out. Where fewer than `P` exist, the rest are empty, of score -inf. A
    `mask_index` of None is the last class.
    Source: Hannun et al., "First-Pass Large Vocabulary Continuous Speech Recognition", 2014.
    """
    chances = jax.nn.log_softmax(at_least_float32(jnp.asarray(inputs)))
    blank = chances.shape[-1] - 1 if mask_index is None else mask_index
    lengths = jnp.maximum(jnp.asarray(sequence_lengths, "int32"), 1)
    width = max(beam_width, top_paths)

    def one(chances: Array, length: Array) -> tuple[Array, Array]:
        def step(beams: Beams, frame: tuple[Array, Array]) -> tuple[Beams, None]:
            chance, over = frame
            longer = _best(_extended(beams, chance, blank), beam_width, width)
            return jax.tree.map(lambda a, b: jnp.where(over, a, b), beams, longer), None

        over = jnp.arange(chances.shape[0]) >= length
        beams, _ = lax.scan(step, _no_label(width, chances), (chances, over))
        scores, order = lax.top_k(beams.total, top_paths)
        return beams.paths[order], scores

    paths, scores = jax.vmap(one)(chances, lengths)
    return jnp.swapaxes(paths, 0, 1), scores


def _no_label(width: int, chances: Array) -> Beams:
    """The state before the first frame: the empty sequence, and places for others."""
    never = jnp.full(width, -jnp.inf, chances.dtype)
    paths = jnp.full((width, chances.shape[0]), NOTHING, "int32")
    return Beams(paths, jnp.zeros(width, "int32"), never, never.at[0].set(0.0))


def _extended(beams: Beams, chance: Array, blank: int) -> Beams:
    """Every beam with each label appended [W * C], then every beam as it is [W]."""
    width, classes = beams.paths.shape[0], chance.shape[0]
    labels = jnp.arange(classes, dtype="int32")
    tails = _tails(beams)
    same = labels == tails[:, None]  # [W, C]
    longer = jnp.where(same, beams.on_blank[:, None], beams.total[:, None]) + chance
    longer = jnp.where(labels == blank, -jnp.inf, longer)  # the blank appends nothing
    stay = beams.on_label + jnp.where(tails == NOTHING, -jnp.inf, chance[tails])
    # A longer path may be a beam already: its chance goes there, and its own place is emptied.
    found = _is_parent(beams)  # [W of parents, W of children]
    gained = jnp.where(found, longer[:, tails], -jnp.inf)
    stay = jnp.logaddexp(stay, jax.nn.logsumexp(gained, axis=0))
    taken = jnp.any(found[:, :, None] & (tails[:, None] == labels), axis=1)
    longer = jnp.where(taken, -jnp.inf, longer).reshape(-1)
    at_end = jnp.arange(beams.paths.shape[1]) == beams.lengths[:, None]
    appended = jnp.where(at_end[:, None], labels[:, None], beams.paths[:, None])  # [W, C, T]
    nothing = jnp.full(width * classes, -jnp.inf, longer.dtype)
    return Beams(
        jnp.concatenate([appended.reshape(width * classes, -1), beams.paths]),
        jnp.concatenate([jnp.repeat(beams.lengths + 1, classes), beams.lengths]),
        jnp.concatenate([longer, stay]),
        jnp.concatenate([nothing, beams.total + chance[blank]]),
    )


def _tails(beams: Beams) -> Array:
    last = jnp.maximum(beams.lengths - 1, 0)[:, None]
    return jnp.take_along_axis(beams.paths, last, axis=1)[:, 0]


def _is_parent(beams: Beams) -> Array:
    """Whether beam `i` is beam `j` without its last label: [W, W]."""
    places = jnp.arange(beams.paths.shape[1])
    heads = jnp.where(places == beams.lengths[:, None] - 1, NOTHING, beams.paths)
    equal = jnp.all(beams.paths[:, None] == heads[None], axis=-1)
    exists = beams.total > -jnp.inf
    return equal & (beams.lengths > 0) & exists & exists[:, None]


def _best(beams: Beams, keep: int, places: int) -> Beams:
    """The `keep` most likely beams, in `places` places."""
    scores, order = lax.top_k(beams.total, min(keep, beams.lengths.shape[0]))
    paths, lengths, on_label, on_blank = (part[order] for part in beams)
    exists = scores > -jnp.inf
    paths = jnp.where(exists[:, None], paths, NOTHING)
    lengths = jnp.where(exists, lengths, 0)
    extra = places - scores.shape[0]
    never = {"constant_values": -jnp.inf}
    return Beams(
        jnp.pad(paths, ((0, extra), (0, 0)), constant_values=NOTHING),
        jnp.pad(lengths, (0, extra)),
        jnp.pad(on_label, (0, extra), **never),
        jnp.pad(on_blank, (0, extra), **never),
    )
