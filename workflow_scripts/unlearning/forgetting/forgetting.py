"""Forget a set of documents until its loss has risen by given doses, and stop in time.

The unit of dose is the rise of the mean loss per token over the whole forget set (nats): steps,
learning rates and methods differ in how fast they forget, so arms are compared at equal rise.
"""

import dataclasses
import hashlib
import json
import logging
import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from workflow_scripts.common.progress import Progress
from workflow_scripts.common.random_streams import stream
from workflow_scripts.common.saved_state import read_state
from workflow_scripts.model.losses import (
    Tokens,
    all_losses,
    document_losses,
    predicted_tokens,
)
from workflow_scripts.unlearning.arms import COLLAPSED, REACHED, UNREACHED
from workflow_scripts.unlearning.forgetting.methods import Method, join_gradients, norm_of
from workflow_scripts.unlearning.forgetting.peft_adapter import Adapter

logger = logging.getLogger("atlas")

# A step that overshoots its dose by more than this share is halved, at most so often.
MAX_OVERSHOOT = 0.1
MAX_HALVINGS = 8


@dataclass(frozen=True)
class ForgetSettings:
    """Settings of forgetting.

    Attributes:
        doses: rises of the mean forget loss at which the adapter is saved, increasing, nats.
        learning_rate: of AdamW.
        batch_documents: documents of each set in a step; a smaller set is used whole.
        max_steps: steps after which a dose counts as unreached.
        measure_every: steps between two measurements of the whole forget set.
        margin_every: steps between two measurements of the target's margin.
        max_grad_norm: gradients are clipped to this norm.
        max_retain_rise: rise of the mean retain loss (nats) beyond which the model has collapsed.
        max_forget_share: forget loss beyond which it has collapsed, as a share of the loss of a
            uniform guess (log of the vocabulary).
        beta, gamma: of NPO and SimNPO.
        retain_weight: weight of the retain side.
        tokens_per_batch: padded tokens of a batch where only losses are measured.
        save_every: steps between two states on disk.
    """

    doses: tuple[float, ...]
    learning_rate: float = 1e-3
    batch_documents: int = 16
    max_steps: int = 200
    measure_every: int = 1
    margin_every: int = 5
    max_grad_norm: float = 1.0
    max_retain_rise: float = 0.2
    max_forget_share: float = 0.9
    beta: float = 0.1
    gamma: float = 0.0
    retain_weight: float = 1.0
    tokens_per_batch: int = 4096
    save_every: int = 10


@dataclass
class Course:
    """Course of one arm.

    Attributes:
        state: ``reached``, ``unreached`` or ``collapsed``.
        reason: why it is not ``reached``; empty otherwise.
        base_loss: mean forget loss of the base model, nats per token.
        base_retain: mean retain loss of the base model, nats per token.
        history: one row per measurement.
        saved: per dose reached its rises, the step and the weights.
    """

    base_loss: float
    base_retain: float
    state: str = ""
    reason: str = ""
    step: int = 0
    halvings: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    saved: list[dict[str, Any]] = field(default_factory=list)


class Forgetter:
    """Runs arms one after another on one loaded model, with one retain set."""

    def __init__(
        self,
        adapter: Adapter,
        method: Method,
        settings: ForgetSettings,
        retain: Tokens,
        margin: Callable[[], float | None],
        seed: int,
        observed: str = "",
    ) -> None:
        """Measure the base model on the retain set.

        Args:
            adapter: model with its trainable weights.
            method: what to descend.
            settings: see :class:`ForgetSettings`.
            retain: token ids of the retain documents, shared by the arms.
            margin: measures the target benchmark's mean margin with the present weights.
            seed: fixes LoRA's start and the order of documents, the same for every arm.
            observed: identifies what ``margin`` measures, in the identity of a saved state.
        """
        self.adapter, self.method, self.settings = adapter, method, settings
        self.model, self.margin, self.seed = adapter.causal_model(), margin, seed
        self.observed = observed
        self.model.eval()
        adapter.reset(seed)
        self.retain = list(retain)
        self.base_retain = self._losses(self.retain)
        self.max_forget_loss = settings.max_forget_share * math.log(self.model.config.vocab_size)

    def run(self, forget: Tokens, state_file: Path | None = None, name: str = "arm") -> Course:
        """Forget one set, from the base model on.

        Args:
            forget: token ids of the forget documents.
            state_file: where the state of an unfinished run is kept; none keeps no state.
            name: of the arm, for the log.
        """
        run = self.start(forget, name)
        digest = self._digest(forget) if state_file else ""
        if state_file:
            run.restore(state_file, digest)
        progress = Progress(self.settings.max_steps, f"steps at most ({name})")
        progress.skip(run.course.step)
        while not run.course.state:
            before = run.course.step
            run.advance()
            progress.advance(run.course.step - before, run.told())
            if state_file and run.course.step % self.settings.save_every == 0:
                run.save(state_file, digest)
        if state_file:
            run.save(
                state_file, digest
            )  # a finished arm is not run again when a later one is killed
        course = run.course
        rises = ", ".join(f"{row['forget_rise']:+.2f}" for row in course.saved) or "none"
        logger.info(
            "%s: %s after %d steps; saved at rises %s%s",
            name,
            course.state,
            course.step,
            rises,
            f" ({course.reason})" if course.reason else "",
        )
        return course

    def start(self, forget: Tokens, name: str = "arm") -> "Run":
        """One arm before its first step, with the weights of the base model."""
        return Run(self, list(forget), name)

    def _losses(self, documents: list[np.ndarray]) -> torch.Tensor:
        return all_losses(self.model, documents, self.settings.tokens_per_batch)

    def _digest(self, forget: Tokens) -> str:
        """Digest of all that decides the bytes: weights, data, settings, threads."""
        facts = {
            "settings": dataclasses.asdict(self.settings),
            "adapter": dataclasses.asdict(self.adapter.settings),
            "method": self.method.name,
            "seed": self.seed,
            "observed": self.observed,
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "base": self.base_retain.tolist(),
        }
        digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
        for ids in [*forget, *self.retain]:
            digest.update(len(ids).to_bytes(8, "little") + np.asarray(ids, np.int32).tobytes())
        return digest.hexdigest()


class Run:
    """One arm under way."""

    def __init__(self, owner: Forgetter, forget: list[np.ndarray], name: str) -> None:
        """Start from the base model; see :meth:`Forgetter.run`."""
        self.owner, self.forget, self.name = owner, forget, name
        self.settings, self.model = owner.settings, owner.model
        owner.adapter.reset(owner.seed)
        self.weights = owner.adapter.parameters()
        self.optimizer = torch.optim.AdamW(
            self.weights, lr=self.settings.learning_rate, weight_decay=0.0
        )
        self.base = owner._losses(forget)
        self.course = Course(float(self.base.mean()), float(owner.base_retain.mean()))
        self.whole = len(forget) <= self.settings.batch_documents
        # Weights when the whole forget set was last measured: a step too long is cut back to them.
        self.anchor = [weight.detach().clone() for weight in self.weights]

    def advance(self) -> None:
        """Measure, save what is due, and take one step, unless the run ends here."""
        course, settings = self.course, self.settings
        chosen = self._batch("forget", len(self.forget))
        losses = document_losses(self.model, [self.forget[i] for i in chosen])
        due = course.step % settings.measure_every == 0 or course.step >= settings.max_steps
        if self.whole or due:
            measured = losses.detach() if self.whole else self.owner._losses(self.forget)
            if not self._measure(float(measured.mean()) - course.base_loss):
                return
        self._step(losses, chosen)

    def told(self) -> str:
        """Progress of the arm, for the log."""
        if not self.course.history:
            return "nothing measured yet"
        rise = self.course.history[-1]["forget_rise"]
        return f"forget loss {rise:+.2f} of {self.settings.doses[-1]:+.2f}"

    def _measure(self, rise: float) -> bool:
        """Judge the present weights; False where no step may be taken from them."""
        course, settings = self.course, self.settings
        if not math.isfinite(rise) or self._overshoot(rise) > MAX_OVERSHOOT:
            if course.halvings < MAX_HALVINGS and course.step:
                self._halve()
                return False
            if not math.isfinite(rise):
                return self._end(COLLAPSED, "the forget loss is not finite")
        course.halvings = 0
        self.anchor = [weight.detach().clone() for weight in self.weights]
        row = {"step": course.step, "forget_rise": rise, "forget_loss": rise + course.base_loss}
        due = self._due(rise)
        row["retain_rise"] = self._retain_rise() if due or self._suspect() else None
        measured = due or course.step % settings.margin_every == 0
        row["margin"] = self.owner.margin() if measured else None
        row["retain_batch_rise"] = None
        course.history.append(row)
        if row["forget_loss"] > self.owner.max_forget_loss:
            return self._end(COLLAPSED, f"the forget loss is {row['forget_loss']:.2f} nats")
        retain_rise = row["retain_rise"]
        if retain_rise is not None and not retain_rise <= settings.max_retain_rise:
            return self._end(COLLAPSED, f"the retain loss rose by {row['retain_rise']:.2f} nats")
        for dose in due:
            course.saved.append({**row, "dose": dose, "weights": self.owner.adapter.weights()})
        if len(course.saved) == len(settings.doses):
            return self._end(REACHED)
        if course.step >= settings.max_steps:
            return self._end(UNREACHED, f"max_steps ({settings.max_steps}) reached")
        return True

    def _suspect(self) -> bool:
        """True if the last batch of retain documents was worse than the whole set may be."""
        history = self.course.history
        return bool(history) and not (
            history[-1]["retain_batch_rise"] <= self.settings.max_retain_rise
        )

    def _due(self, rise: float) -> list[float]:
        """Doses reached now and not saved yet."""
        return [dose for dose in self.settings.doses[len(self.course.saved) :] if rise >= dose]

    def _overshoot(self, rise: float) -> float:
        """By how much of the next dose the rise is above it; negative below."""
        left = self.settings.doses[len(self.course.saved) :]
        return rise / left[0] - 1 if left else 0.0

    def _halve(self) -> None:
        """Go half of the way back to where the forget set was last measured."""
        self.course.halvings += 1
        with torch.no_grad():
            for weight, anchor in zip(self.weights, self.anchor, strict=True):
                halfway = (weight + anchor) / 2
                weight.copy_(torch.where(torch.isfinite(halfway), halfway, anchor))

    def _retain_rise(self) -> float:
        """Rise of the mean loss over the whole retain set, nats per token."""
        owner = self.owner
        return float((owner._losses(owner.retain) - owner.base_retain).mean())

    def _step(self, losses: torch.Tensor, chosen: np.ndarray) -> None:
        """One update of the trainable weights from the forget losses and a retain batch."""
        course, settings, owner = self.course, self.settings, self.owner
        tokens = predicted_tokens([self.forget[i] for i in chosen]).to(losses.device)
        base = self.base[chosen].to(losses.device)
        objective = owner.method.objective(losses, base, tokens, settings.beta, settings.gamma)
        forget_gradient = torch.autograd.grad(objective, self.weights)
        kept = self._batch("retain", len(owner.retain))
        retain_losses = document_losses(self.model, [owner.retain[i] for i in kept])
        retain_gradient = torch.autograd.grad(retain_losses.mean(), self.weights)
        gradient = join_gradients(
            forget_gradient, retain_gradient, owner.method.normalised, settings.retain_weight
        )
        norm = norm_of(gradient)
        self._note_retain(retain_losses.detach().cpu() - owner.base_retain[kept])
        if not torch.isfinite(norm):
            # The step is refused; back toward the last point where all was finite, if there is.
            if course.halvings < MAX_HALVINGS and not self._at_anchor():
                self._halve()
            else:
                self._end(COLLAPSED, "the gradient is not finite")
            return
        course.step += 1
        torch._foreach_mul_(gradient, (settings.max_grad_norm / norm).clamp(max=1.0))
        for weight, part in zip(self.weights, gradient, strict=True):
            weight.grad = part
        self.optimizer.step()

    def _note_retain(self, rises: torch.Tensor) -> None:
        """Keep the worst rise of a retain batch since the last measurement; NaN is the worst."""
        row, rise = self.course.history[-1], float(rises.mean())
        worst = row["retain_batch_rise"]
        if worst is None or not rise <= worst:
            row["retain_batch_rise"] = rise

    def _at_anchor(self) -> bool:
        return all(map(torch.equal, self.weights, self.anchor))

    def _batch(self, side: str, n_documents: int) -> np.ndarray:
        """Documents of the present step: shuffled passes over the set, a function of the step."""
        size = min(self.settings.batch_documents, n_documents)
        per_pass = n_documents // size
        number, place = divmod(self.course.step, per_pass)
        order = stream(self.owner.seed, "order", side, number).permutation(n_documents)
        return np.sort(order[place * size : (place + 1) * size])

    def _end(self, state: str, reason: str = "") -> bool:
        self.course.state, self.course.reason = state, reason
        return False

    def save(self, path: Path, digest: str) -> None:
        """Write the state to a temporary name, then rename: it is whole or it is not there."""
        path.parent.mkdir(parents=True, exist_ok=True)
        state = {
            "digest": digest,
            "course": vars(self.course),
            "weights": [weight.detach() for weight in self.weights],
            "anchor": self.anchor,
            "optimizer": self.optimizer.state_dict(),
        }
        temporary = path.with_suffix(".tmp")
        torch.save(state, temporary)
        os.replace(temporary, path)

    def restore(self, path: Path, digest: str) -> None:
        """Resume from ``path`` if it holds a state of this very run; else start from scratch."""
        if not path.exists():
            return
        state = read_state(path, "cpu")
        if state is None:
            return
        if state["digest"] != digest:
            logger.warning("ignored %s: it was written with other settings or data", path)
            return
        self.course = Course(**state["course"])
        self.anchor = state["anchor"]
        self.optimizer.load_state_dict(state["optimizer"])
        with torch.no_grad():
            for weight, kept in zip(self.weights, state["weights"], strict=True):
                weight.copy_(kept)
        logger.info("%s: resumed at step %d", self.name, self.course.step)
