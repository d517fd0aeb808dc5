"""Embeddings: pooled by hand, batched, and from another encoder's folder."""

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from tests.support import VOCABULARY, tiny_model, token_documents
from workflow_scripts.common.errors import ConfigError
from workflow_scripts.validation.baselines.encoder import (
    batches,
    centred_unit,
    embed,
    encoder_files,
    load_encoder,
    pooled,
    similarity_means,
)


def word_tokenizer():
    vocabulary = {f"w{index}": index for index in range(VOCABULARY)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="w0"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer)


def as_text(ids):
    return " ".join(f"w{each}" for each in ids)


def test_embedding_is_the_mean_of_the_last_hidden_states_without_padding():
    """Against one text at a time: no padding, no mask, the states averaged by hand."""
    model, ids = tiny_model().base_model, token_documents(7, seed=3)
    with torch.no_grad():
        together = pooled(model, ids).numpy()
        states = [model(input_ids=torch.tensor([each])).last_hidden_state[0] for each in ids]
    expected = np.stack([each.mean(dim=0).numpy() for each in states])
    np.testing.assert_allclose(together, expected, atol=1e-5)


def test_batches_do_not_change_an_embedding_and_texts_keep_their_order():
    model, tokenizer = tiny_model().base_model, word_tokenizer()
    texts = [as_text(ids) for ids in token_documents(9, seed=4)]
    small, large = (embed(model, tokenizer, texts, 128, tokens) for tokens in (40, 4000))
    np.testing.assert_allclose(small, large, atol=1e-5)
    alone = embed(model, tokenizer, texts[4:5], 128, 40)
    np.testing.assert_allclose(alone[0], large[4], atol=1e-5)
    cut = embed(model, tokenizer, [" ".join(texts[4].split()[:6]) + " w9 w9"], 6, 40)
    assert np.abs(cut[0] - embed(model, tokenizer, texts[4:5], 6, 40)[0]).max() < 1e-5


def test_batches_hold_every_text_once_within_their_tokens():
    lengths = [3, 50, 7, 7, 20, 1]
    made = batches(lengths, 42)
    assert sorted(row for batch in made for row in batch) == list(range(6))
    assert made[0] == [1]  # longer than a batch: alone
    assert all(len(batch) * max(lengths[row] for row in batch) <= 42 for batch in made[1:])


def test_similarity_is_the_mean_cosine_to_the_centred_documents():
    rng = np.random.default_rng(0)
    vectors = {f"t{index}": rng.normal(size=4) + 10 for index in range(8)}  # a large common part
    texts, asked = [f"t{index}" for index in range(6)], [["t6", "t7"], ["t6"]]
    owner, counts = np.array([0, 0, 1, 1, 1, 0]), np.array([3, 3])

    def embedder(names):
        return np.stack([vectors[name] for name in names])

    first, second = similarity_means(embedder, texts, asked, owner, counts)
    centre = embedder(texts).mean(axis=0)

    def cosine(a, b):
        a, b = vectors[a] - centre, vectors[b] - centre
        return a @ b / np.linalg.norm(a) / np.linalg.norm(b)

    expected = np.mean([cosine(name, "t7") for name in ("t2", "t3", "t4")])
    assert first[1, 1] == pytest.approx(expected)
    np.testing.assert_allclose(second[:, 0], first[:, 0])
    assert (centred_unit(np.ones((1, 3)), np.ones(3)) == 0).all()


def test_an_encoder_of_its_own_is_read_from_its_folder(tmp_path):
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    own = BertModel(
        BertConfig(vocab_size=VOCABULARY, intermediate_size=32, max_position_embeddings=32, **shape)
    )
    own.save_pretrained(tmp_path)
    word_tokenizer().save_pretrained(tmp_path)
    names = {path.rsplit("/", 1)[1] for path in encoder_files(str(tmp_path))}
    assert names == {"config.json", "model.safetensors", "tokenizer.json"}
    model, tokenizer = load_encoder(str(tmp_path), "cpu")
    # Longer than the encoder has positions: cut there, though the study allows more.
    ids = [token_documents(1, seed=6, shortest=60, longest=60)[0], [1, 2, 3]]
    rows = embed(model, tokenizer, [as_text(each) for each in ids], 208, 4096)
    with torch.no_grad():
        states = own.eval()(input_ids=torch.tensor([ids[0][:32]])).last_hidden_state[0]
    np.testing.assert_allclose(rows[0], states.mean(dim=0).numpy(), atol=1e-5)


def test_a_folder_that_is_no_encoder_is_refused_by_key(tmp_path):
    with pytest.raises(ConfigError, match=r"validation\.embedding\.path"):
        encoder_files(str(tmp_path / "absent"))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ConfigError, match="holds no weights"):
        encoder_files(str(tmp_path))
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(ConfigError, match="holds no tokenizer"):
        encoder_files(str(tmp_path))
