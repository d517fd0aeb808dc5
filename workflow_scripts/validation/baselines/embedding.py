"""The scorer ``embedding``: cosine of documents and questions as a model embeds them."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from workflow_scripts.influence.uncertainty.variance_components import GroupMeans
from workflow_scripts.model.loading import load_model, load_tokenizer
from workflow_scripts.validation.baselines import encoder
from workflow_scripts.validation.baselines.working_set import ScorerInputs


def map_bins(names: Sequence[str], given: ScorerInputs) -> dict[str, list[GroupMeans]]:
    """Group means by cosine of embeddings, for every benchmark."""
    source, settings, working = given.source, given.params.embedding, given.working
    if settings["encoder"]:
        model, tokenizer = encoder.load_encoder(settings["encoder"], settings["device"])
    else:
        model = load_model(source.record, settings["precision"], settings["device"]).base_model
        tokenizer = load_tokenizer(Path(source.tokenizer).parent)
    limits = {name: settings[name] for name in ("max_tokens", "tokens_per_batch")}
    embedder = partial(encoder.embed, model, tokenizer, **limits)
    means = encoder.similarity_means(
        embedder, given.texts, given.questions, working.owner, working.counts
    )
    bins, folds = working.groups.T
    maps = [GroupMeans(bins, folds, working.counts, each) for each in means]
    return dict.fromkeys(names, maps)
