"""Display names of document scorers in the figures."""

STUDY, TRUTH = "trackstar", "truth"
NAMES = {
    STUDY: "This study's map",
    TRUTH: "Planted truth",
    "cosine": "Gradient cosine",
    "dot": "Gradient dot product",
    "tfidf": "TF-IDF words",
    "bm25": "BM25 words",
    "embedding": "Embedding similarity",
    "length": "Document length",
    "loss": "Base loss",
    "untrained": "Untrained model",
    "shuffled": "Shuffled documents",
    "random": "Random numbers",
    "texts": "Texts, all together",
    "all": "All together",
}
