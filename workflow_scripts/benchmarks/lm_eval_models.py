"""Models in lm-eval's interface: one that answers, and two that only record the requests.

With ``lm_eval_adapter`` the only importer of lm-eval.
"""

import functools
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import lm_eval.api.task
import torch
from lm_eval.api.model import LM
from lm_eval.models.huggingface import HFLM

from workflow_scripts.common.errors import DataError
from workflow_scripts.common.progress import Progress
from workflow_scripts.corpus.tokens.tokenizer import plain_ids, special_tokens

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class RecordingLM(HFLM):
    """lm-eval's Hugging Face model, keeping the tokens it scored and showing progress.

    It asks in the tokens of the study: what the tokenizer puts in front of every text also begins
    each question, and nothing is put between a prompt and its answer or behind it.

    Attributes:
        front: token ids that every question begins with.
        scored: per (context, continuation) pair the token ids that lm-eval scored and the index
            of the first token of the continuation.
        n_asked: choices asked.
        n_cut: of these, cut on the left because the model takes no more tokens.
        cut_prompts: their prompts.
    """

    def __init__(
        self,
        model: "PreTrainedModel",
        tokenizer: "PreTrainedTokenizerBase",
        batch_size: int,
        progress: bool = True,
    ) -> None:
        """Wrap a loaded model."""
        with quiet():
            super().__init__(
                pretrained=model,
                tokenizer=tokenizer,
                batch_size=batch_size,
                # By default a bfloat16 model's log-likelihoods are rounded to bfloat16, about
                # three digits: answers tie and margins of a nat drown.
                softmax_dtype="float32",
            )
        self.front = list(special_tokens(tokenizer).front)
        self.scored: dict[tuple[str, str], tuple[list[int], int]] = {}
        self.n_asked = self.n_cut = 0
        self.cut_prompts: set[str] = set()
        self._shows_progress = progress
        self._progress: Progress | None = None

    def loglikelihood(self, requests: list, disable_tqdm: bool = True) -> list:
        """Score requests without lm-eval's own progress bars."""
        return super().loglikelihood(requests, disable_tqdm=True)

    def cut_choices(self) -> str:
        """A line on the choices that were cut, empty where none was."""
        if not self.n_cut:
            return ""
        return (
            f"{self.n_cut} of {self.n_asked} choices are longer, with their prompt, than the "
            f"model's {self.max_length} tokens; lm-eval cut them on the left"
        )

    def tok_encode(
        self, string: str, add_special_tokens: bool | None = None, **kwargs: Any
    ) -> list[int]:
        """Tokens of a text by the rule that holds for documents too."""
        front = [] if add_special_tokens is False else self.front
        return front + plain_ids(self.tokenizer, string)

    @property
    def prefix_token_id(self) -> int:
        """Token in the place of the prompt of a question that has none."""
        tokens = (self.tokenizer.bos_token_id, self.tokenizer.eos_token_id)
        known = [*self.front[-1:], *(token for token in tokens if token is not None)]
        if not known:
            raise DataError(
                "a question has no prompt, and the tokenizer has no token to begin a text with "
                "(no bos_token or eos_token); give every question a prompt"
            )
        return known[0]

    def _keep(self, requests: list) -> list:
        """Keep the tokens of requests as they are scored.

        Returns:
            The requests; one without a prompt begins with what begins every text.

        Raises:
            DataError: a choice does not fit into the model, or has no token of its own.
        """
        requests = [
            (pair, self.front if self.front and not pair[0] else context, continuation)
            for pair, context, continuation in requests
        ]
        for pair, context, continuation in requests:
            if not context:
                raise DataError(
                    f"the prompt {pair[0]!r} of choice {pair[1]!r} has no token before the answer; "
                    "give the question a prompt"
                )
            if not 0 < len(continuation) <= self.max_length:
                raise DataError(
                    f"choice {pair[1]!r} of the question {pair[0][:80]!r} has {len(continuation)} "
                    f"tokens; the model can score 1 to {self.max_length}"
                )
            # HFLM feeds the last max_length + 1 tokens, the very last only as a target.
            ids = (context + continuation)[-(self.max_length + 1) :]
            self.n_asked += 1
            if len(ids) < len(context) + len(continuation):
                self.n_cut += 1
                self.cut_prompts.add(pair[0])
            self.scored[pair] = (ids, len(ids) - len(continuation))
        return requests

    def _loglikelihood_tokens(self, requests: list, *args: Any, **kwargs: Any) -> list:
        requests = self._keep(requests)
        # Requests that differ in their last token alone share one row of a forward pass.
        rows = {tuple(context + continuation[:-1]) for _, context, continuation in requests}
        if self._shows_progress:
            self._progress = Progress(len(rows), "sequences")
        return super()._loglikelihood_tokens(requests, *args, **kwargs)

    def _model_call(self, inps: Any, *args: Any, **kwargs: Any) -> Any:
        logits = super()._model_call(inps, *args, **kwargs)
        if self._progress:
            self._progress.advance(len(inps))
        return logits


class SplittingLM(RecordingLM):
    """Splits questions into tokens as lm-eval does, and scores none: no model is there."""

    def __init__(self, tokenizer: "PreTrainedTokenizerBase", positions: int | None) -> None:
        """Take the place of a model of so many positions."""
        config = SimpleNamespace(model_type="", max_position_embeddings=positions)
        stand_in = SimpleNamespace(device=torch.device("cpu"), config=config)
        super().__init__(stand_in, tokenizer, batch_size=1, progress=False)

    def _loglikelihood_tokens(self, requests: list, *args: Any, **kwargs: Any) -> list:
        self._keep(requests)
        return [(0.0, False)] * len(requests)


class TextLM(LM):
    """Takes questions as texts where there is no tokenizer yet."""

    def __init__(self) -> None:
        """Begin without a question."""
        super().__init__()
        self.scored: dict[tuple[str, str], tuple[list[int], int]] = {}

    def loglikelihood(self, requests: list) -> list:
        """Keep the pairs, which have no tokens."""
        self.scored |= {request.args: ([], 0) for request in requests}
        return [(0.0, False)] * len(requests)

    def loglikelihood_rolling(self, requests: list) -> list:
        """Not asked of multiple choice."""
        raise NotImplementedError

    def generate_until(self, requests: list) -> list:
        """Not asked of multiple choice."""
        raise NotImplementedError


@contextmanager
def quiet() -> Iterator[None]:
    """Silence lm-eval's log below errors and its progress bars."""
    log, bar = logging.getLogger("lm_eval"), lm_eval.api.task.tqdm
    level = log.level
    log.setLevel(logging.ERROR)
    lm_eval.api.task.tqdm = functools.partial(bar, disable=True)
    try:
        yield
    finally:
        log.setLevel(level)
        lm_eval.api.task.tqdm = bar
