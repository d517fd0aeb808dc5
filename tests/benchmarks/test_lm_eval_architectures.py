"""lm-eval on models other than Olmo3: its numbers follow from the tokens that are stored."""

import pytest

from tests.benchmarks.made_up import row
from tests.benchmarks.test_lm_eval_adapter import plain_loglikelihood
from tests.support import ARCHITECTURES, architecture
from workflow_scripts.benchmarks.lm_eval_adapter import Examiner


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_loglikelihoods_follow_from_the_stored_tokens(name, workbench, tiny):
    model = architecture(name, vocab_size=len(tiny.tokenizer))
    definition = workbench.ask([row(i) for i in range(4)])
    got = Examiner(definition, str(workbench.results), "none").ask(model, tiny.tokenizer)
    for query, values in zip(
        got.queries.to_dicts(), got.answers["loglikelihoods"].to_list(), strict=True
    ):
        pairs = zip(query["choice_input_ids"], query["choice_start"], strict=True)
        plain = [plain_loglikelihood(model, ids, start) for ids, start in pairs]
        assert values == pytest.approx(plain, abs=1e-4)
