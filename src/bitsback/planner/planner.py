"""The planner: tries models on a sample of some tiles, and makes a plan from the results."""

from __future__ import annotations

import logging
import math
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from bitsback.coding import layouts
from bitsback.coding.block_plan import BlockPlan
from bitsback.coding.encoding import Rules
from bitsback.coding.fallback import encode_fallback
from bitsback.coding.number_digits import cut_of, is_noise
from bitsback.coding.plan import BLOCK_BYTES, NO_MODEL, Plan
from bitsback.errors import InputError
from bitsback.format.tiles import Tiles
from bitsback.format.two_values import symbol_dtype
from bitsback.format.value_list import ValueList
from bitsback.format.value_range import is_narrow
from bitsback.models import Model
from bitsback.planner.candidates import Candidate, any_codes, candidates_for, fitting_outlines
from bitsback.planner.policy import DEFAULT, Policy
from bitsback.planner.sampling import learned_before, sample_of, series_sample

_log = logging.getLogger(__name__)

MakePlans = Callable[[Candidate], Iterable[BlockPlan]]
"""A function that makes the block plans of a candidate for a sample, one for each layout."""


class UnfitError(InputError):
    """A model was requested that does not code the values of the items."""


@dataclass(frozen=True)
class Planner:
    """Plans by a policy, with a requested model or with the bundled ones."""

    policy: Policy = DEFAULT
    requested: Model | None = None
    refused: frozenset[str] = frozenset()
    """The names of models that are not taken, since a reader would refuse a block of them."""

    def plan(
        self,
        tiles: Tiles,
        name: str = "",
        before: Tiles | None = None,
        elements: int = 0,
        tried: Tiles | None = None,
    ) -> Plan:
        """The plan for a block of these tiles, by a trial on a sample.

        name: the name of the input, for messages. before: if the tiles are already a sample, the
        tiles before it, from which a model may learn. elements: those of the block, if the tiles
        are a sample of it. tried: the sample of an earlier trial, which goes on here if the sample
        is the same. Raises UnfitError if the tiles have values that a requested model does not
        code.
        """
        plan = self._plan(tiles, name, before, max(elements, tiles.elements.size), tried)
        _log.info("%s: %s", name or "a block", plan.reason)
        return plan

    def _plan(
        self,
        tiles: Tiles,
        name: str,
        before: Tiles | None,
        elements: int,
        tried: Tiles | None = None,
    ) -> Plan:
        known = tiles if before is None else Tiles.from_arrays([*before, *tiles], tiles.dtype)
        outlines = [
            outline
            for outline in fitting_outlines(self.requested, self.policy, tiles)
            if outline.name not in self.refused
        ]
        if not outlines:
            return NO_MODEL
        serial = any(outline.serial for outline in outlines)
        whole = any(not outline.any_shape for outline in outlines)
        policy = self.policy
        sample = series_sample(tiles, policy) if serial else sample_of(tiles, whole, policy)
        if sample is not tiles:
            sample = sample.like(tried)
        candidates = list(candidates_for(outlines, known, policy.exhaustive))
        if not candidates:
            return self._without_model(sample, name, elements)

        def plans(candidate: Candidate) -> Iterator[BlockPlan]:
            learned = before
            if candidate.outline.counted and before is None and sample is not tiles:
                learned = learned_before(known, sample, policy)
            for layout in layouts.layouts_of(candidate.outline, tiles.dtype, tiles.shapes[0][1]):
                yield candidate.plan(sample, known, layout, learned)

        picked, plan = self.choose(known, sample, candidates, plans, elements)
        if picked is None:
            return plan
        value_map = picked.value_map
        if self.requested is not None or not isinstance(value_map, ValueList):
            return plan
        digits = self._by_digits(sample, elements) if self.long_list(value_map, known) else None
        return plan if digits is None else replace(plan, rivals=(*plan.rivals, digits))

    def _without_model(self, sample: Tiles, name: str, elements: int) -> Plan:
        """The plan for tiles whose values no model codes. Raises UnfitError."""
        model = self.requested
        if model is None:
            return self._by_digits(sample, elements) or NO_MODEL
        if sample.elements.size:
            allowed = (
                "two values"
                if model.levels == 2
                else f"the values 0 to {model.levels - 1} as {np.dtype(symbol_dtype(model)).name}"
            )
            raise UnfitError(
                f"{name}: its items have other values than the model {model.name} codes, {allowed};"
                " convert them first, or leave the choice to 'auto'"
            )
        return replace(NO_MODEL, model=model)

    def choose(
        self,
        known: Tiles,
        sample: Tiles,
        candidates: list[Candidate],
        plans: MakePlans,
        elements: int,
    ) -> tuple[BlockPlan | None, Plan]:
        """The best block plan for a sample of known tiles, and the plan for blocks.

        Without a suitable model, or if a general compressor is better, the block plan is None, and
        the plan has no model.
        """
        times = -(-elements // max(sample.elements.size, 1))
        trials = [plan for each in candidates if not each.outline.counted for plan in plans(each)]
        counting = [each for each in candidates if each.outline.counted]  # by context mixing
        share = self.policy.counting_share
        if known.two_values is not None or self.requested is not None:
            share = 1.0
        slower: list[BlockPlan] = []
        for some in self._promising(known, sample, counting, _least(trials)):
            for plan in chain.from_iterable(map(plans, some)):
                if self._is_accepted(plan, _least([*trials, *slower]), times):
                    slower.append(plan)
            if _least(slower) > share * _least(trials):
                break
        accepted = [
            trial for trial in (*trials, *slower) if self._is_accepted(trial, trial.cost, times)
        ]
        # Otherwise a block may show that its sample has missed something.
        if _least(accepted) <= self.policy.margin * _least([*trials, *slower]):
            trials, slower = ([one for one in some if one in accepted] for some in (trials, slower))
        if _least(slower) <= share * _least(trials):
            trials += slower
        if not trials:
            return None, NO_MODEL
        for trial in trials:
            _log.debug(
                "trial: %s%s makes %d bytes of %d, as %s",
                trial.model.name,
                ", levels exchanged," if trial.invert else "",
                trial.cost,
                trial.tiles.elements.nbytes,
                layouts.LAYOUTS[trial.layout],
            )
        picked = _pick(trials, self.policy)
        if times > 1 and sample.once(repetition) < self.policy.repetition:
            picked = self._learner(picked, trials)
        any_shape = all(trial.model.any_shape for trial in trials)
        if any_shape and self._is_beaten(picked):
            return None, replace(NO_MODEL, reason="no model, since deflate is better on a sample")
        contested = self._contested(picked)
        rivals = self._rivals(picked, trials, contested, share)
        reason = f"the model {picked.model.name}, of {len(trials)} trials on"
        reason += f" {picked.tiles.elements.size} elements"
        reason += "".join(f"; {rival.models[0].name} is near, and is tried" for rival in rivals)
        reason += "; a general compressor may be as good, and is tried" if contested else ""
        return picked, replace(_plan_of(picked, contested, share), rivals=rivals, reason=reason)

    def _by_digits(self, sample: Tiles, elements: int) -> Plan | None:
        """The plan for the digits of a sample's elements; None if no model codes any of them."""
        if is_narrow(sample.dtype) or not sample.elements.size or sample.two_values is not None:
            return None
        cut, digits = cut_of(sample.elements)
        plans = tuple(
            NO_MODEL
            if is_noise(digit, bits, self.policy.worthwhile)
            else self._plan(Tiles(digit, sample.shapes), "a digit", None, elements)
            for digit, bits in zip(digits, cut.bits, strict=True)
        )
        return plan_of_digits(plans)

    def _promising(
        self, known: Tiles, sample: Tiles, counting: list[Candidate], best: float
    ) -> Sequence[list[Candidate]]:
        """The context-mixing models that may be better than the best other model, in groups of
        which each is tried if the one before pays.

        For two levels, for repetitive data, and if a general compressor is better, all of them are
        one group. In a first trial and for noise there are none. Otherwise models with a network
        come first.
        """
        policy = self.policy
        if known.two_values is not None or best == math.inf or not counting:
            return [counting]
        if sample.once(repetition) < policy.repetition:
            return [counting]
        if best >= policy.noise * sample.elements.nbytes:
            return []
        general = encode_fallback(sample, "deflate", best)
        networks = [each for each in counting if each.outline.wavefront]
        if not networks or (general is not None and len(general) < best):
            return [counting]
        return [networks, [each for each in counting if not each.outline.wavefront]]

    def _is_accepted(self, trial: BlockPlan, cost: float, times: int) -> bool:
        """Whether a reader accepts the model of a trial for a block, if the trial takes `cost`
        bytes.

        times: how many times as large as the sample the block is. A block may then exceed the
        estimate.
        """
        if self.requested is not None or cost == math.inf:
            return True
        most = cost if times == 1 else self.policy.surprise * times * cost + BLOCK_BYTES
        return trial.affordable(int(most), times=times)

    def _learner(self, picked: BlockPlan, trials: list[BlockPlan]) -> BlockPlan:
        """The best trial of context mixing without a network, if the picked one has both and its
        cost is near: it learns more from the rest of a repetitive block.
        """
        if not (picked.model.counted and picked.model.wavefront):
            return picked
        learners = [one for one in trials if one.model.counted and not one.model.wavefront]
        best = min(learners, key=lambda trial: trial.cost, default=picked)
        return best if best.cost <= self.policy.margin * picked.cost else picked

    def _contested(self, picked: BlockPlan) -> bool:
        """Whether a general compressor may be as good on a block as the picked model.

        Context-mixing models learn as general compressors do. A sample shows neither how fast each
        learns nor the cost of a list of values.
        """
        if self.requested is not None and not self.requested.any_shape:
            return False  # the user asked for it, and it is for exactly this shape
        limit = self.policy.margin * picked.cost
        general = encode_fallback(picked.tiles, self.policy.coder, limit)
        return general is not None and len(general) < limit

    def _is_beaten(self, picked: BlockPlan) -> bool:
        """Whether deflate makes a sample smaller than the model that a fast policy has picked.

        Blocks are then not coded by both: deflate learns more from a block than from a sample.
        """
        if self.requested is not None or not self.policy.cheapest:
            return False
        general = encode_fallback(picked.tiles, "deflate", picked.cost)
        return general is not None and len(general) < picked.cost

    def _rivals(
        self, picked: BlockPlan, trials: list[BlockPlan], contested: bool, share: float
    ) -> tuple[Plan, ...]:
        """The next best model after a context-mixing model, if its cost is near.

        The rivals of a model with a network and context mixing are context-mixing models too, since
        it learns more than networks alone.
        """
        others = [
            trial
            for trial in trials
            if trial.model is not picked.model
            and (trial.model.counted or not picked.model.wavefront)
        ]
        if not self.policy.rival_blocks or not picked.model.counted or not others:
            return ()
        next_best = min(others, key=lambda trial: trial.cost)
        limit = self.policy.margin * picked.cost + BLOCK_BYTES
        return (_plan_of(next_best, contested, share),) if next_best.cost <= limit else ()

    @property
    def rules(self) -> Rules:
        """The rules for blocks that may have new plans."""
        policy = self.policy
        return Rules(policy.coder, policy.surprise, not policy.cheapest, self._new_plan)

    def _new_plan(self, tiles: Tiles, refused: frozenset[str]) -> Plan:
        if not any_codes(None, tiles.dtype, tiles.shapes[0][1]):
            return NO_MODEL
        return replace(self, refused=refused).plan(tiles)

    def long_list(self, values: ValueList, tiles: Tiles) -> bool:
        """Whether a list of the values of tiles is so long that digits may be better."""
        return self.policy.values_of_list * values.levels > tiles.elements.size


def plan_of_digits(digits: tuple[Plan, ...]) -> Plan | None:
    """The plan of elements that are cut into these digits; None if no model codes any of them."""
    if all(digit.model is None for digit in digits):
        return None
    names = dict.fromkeys(digit.model.name for digit in digits if digit.model is not None)
    rate = sum(digit.rate if digit.model is not None else 1.0 for digit in digits)
    reason = f"too many values for a model: their highest digits are coded by {' and '.join(names)}"
    return Plan(rate=rate, digits=digits, reason=reason)


def _plan_of(trial: BlockPlan, contested: bool, share: float) -> Plan:
    rate = trial.cost / trial.tiles.elements.size
    axes = len(trial.tiles.shapes[0][1])
    share = share if trial.model.counted else 1.0
    return Plan(trial.model, trial.layout, axes, trial.invert, rate, share, contested)


def _pick(trials: list[BlockPlan], policy: Policy) -> BlockPlan:
    """The cheapest trial, the first of equal ones. If its model is autoregressive, the cheapest
    trial of another model is taken, if its cost is near enough.
    """
    picked = min(trials, key=lambda trial: trial.cost)
    others = [trial for trial in trials if not trial.model.autoregressive]
    other = min(others, key=lambda trial: trial.cost, default=picked)
    return other if policy.autoregressive_share * other.cost < picked.cost else picked


def _least(trials: list[BlockPlan]) -> float:
    """The fewest bytes of trials; infinity without any."""
    return min((trial.cost for trial in trials), default=math.inf)


def repetition(tiles: Tiles) -> float:
    """The bytes by deflate, as a share of the bytes by the frequencies of values alone.

    It is small for repetitive data.
    """
    frequencies = zlib.compressobj(strategy=zlib.Z_HUFFMAN_ONLY)
    size = len(frequencies.compress(tiles.bytes)) + len(frequencies.flush())
    return len(zlib.compress(tiles.bytes)) / size
