"""A base model that has learnt something to forget, trained once (0.4 s)."""

import pytest
import torch

from tests.unlearning.made_up import trained_weights


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def weights():
    """Weights of the base model."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    trained = trained_weights()
    torch.set_num_threads(before)
    return trained
