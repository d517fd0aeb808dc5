"""Words of scripts with and without blanks."""

import polars as pl
import pytest

from workflow_scripts.common.words import POLARS_WORD, WORD, counts_as_one_word
from workflow_scripts.corpus.folds.near_duplicates import near_duplicate_pairs
from workflow_scripts.validation.baselines.lexical import fit_documents, tfidf_rows
from workflow_scripts.validation.contamination.ngrams import find_questions, question_grams

CHINESE = "水壶很热，请不要让孩子靠近。"
SENTENCES = {
    "Chinese": CHINESE,
    "Japanese": "今日は天気がいいですね。",
    "Thai": "ราคาถูกมาก",
    "Khmer": "ខ្ញុំចូលចិត្តអានសៀវភៅ",
    "Lao": "ຂ້ອຍມັກອ່ານປຶ້ມ",
    "Burmese": "ကျွန်တော်စာဖတ်ရတာကြိုက်တယ်",
}


@pytest.mark.parametrize("language", SENTENCES)
def test_a_sentence_without_blanks_is_no_short_word(language):
    assert not counts_as_one_word(SENTENCES[language])
    assert len(WORD.findall(SENTENCES[language])) >= 9


@pytest.mark.parametrize("text", ["word", "[REMOVED]", "水", "天気", "안녕하세요", "привет", "☃"])
def test_one_short_word_of_any_script_is_one(text):
    assert counts_as_one_word(text)
    assert not counts_as_one_word(f"{text} {text}")


def test_words_of_scripts_with_blanks_are_runs_of_letters_and_digits():
    text = "Ünïcödé naïve-café 42, 東京tower"
    assert WORD.findall(text) == ["Ünïcödé", "naïve", "café", "42", "東", "京", "tower"]
    assert pl.Series([text]).str.extract_all(POLARS_WORD).to_list()[0] == WORD.findall(text)


def test_near_duplicates_are_found_in_texts_without_blanks():
    """A clause counted as one word: two pages that differ in one letter had nothing in common."""
    clause = "水壶很热请不要让孩子靠近炉子上的锅也很热请戴上手套再拿起来然后慢慢放在桌子上让它冷却"
    pairs = near_duplicate_pairs([clause, clause[:-1] + "掉", clause[::-1]], 0.8)
    assert pairs == [(1, 0)]


def test_questions_without_blanks_are_looked_for_in_documents():
    grams = question_grams(["请不要让孩子靠近热水壶以及炉子"], 13)
    assert grams.checked.tolist() == [True]
    documents, questions = find_questions(
        [f"安全：请不要让孩子靠近热水壶以及炉子。{CHINESE}", CHINESE], grams
    )
    assert (documents.tolist(), questions.tolist()) == ([0], [0])


def test_texts_without_blanks_have_words_in_common():
    space = fit_documents([CHINESE, SENTENCES["Thai"]])
    rows, (question,) = tfidf_rows(space, [space.question_counts(["孩子的水壶"])])
    alike = (rows @ question.T).toarray().ravel()
    assert alike[0] > 0.3 and alike[1] == 0
