"""Words of texts in any script.

Chinese, Japanese, Thai, Khmer and their neighbours put no blanks between words. Each of their
characters counts as a word: a rule that needs no dictionary and is the same everywhere. Korean
and all other scripts have blanks.
"""

import re

# First and last characters of scripts without blanks.
_RANGES = (
    "\u0e01\u0eff",  # Thai, Lao
    "\u0f00\u0fff",  # Tibetan
    "\u1000\u109f",  # Myanmar
    "\u1780\u17ff",  # Khmer
    "\u3005\u3007",  # Han: iteration mark, closing mark, zero
    "\u3041\u30fa",  # Hiragana, Katakana
    "\u30fc\u30ff",
    "\u31f0\u31ff",
    "\u3400\u4dbf",  # Han
    "\u4e00\u9fff",
    "\uf900\ufaff",
    "\uff66\uff9d",  # Katakana, half width
    "\U00020000\U0003ffff",  # Han, rare
)
# Inside [...] of a regular expression, of Python as of Rust.
UNSPACED = "".join(f"{first}-{last}" for first, last in _RANGES)

# Runs of letters, digits and _ as \w+, in the scripts without blanks a character at a time.
WORD = re.compile(rf"[{UNSPACED}]|[^\W{UNSPACED}]+")
# The same for polars, without _.
POLARS_WORD = rf"[{UNSPACED}]|[\p{{L}}\p{{N}}--[{UNSPACED}]]+"

# One word this short may be a single token, and one token has nothing to predict: no loss, no
# gradient. Two words never share a token in the usual tokenizers.
SHORT_WORD = 32
# Fewer characters of a script without blanks are a word, not a sentence.
FEWEST_CHARACTERS = 4
_UNSPACED_CHARACTER = re.compile(f"[{UNSPACED}]")


def counts_as_one_word(text: str) -> bool:
    """True if a text that is not blank is one short word."""
    words = text.split(maxsplit=1)
    if len(words) > 1 or len(words[0]) >= SHORT_WORD:
        return False
    return len(_UNSPACED_CHARACTER.findall(words[0])) < FEWEST_CHARACTERS
