"""Boosted trees of three questions each, in integers: the tables come from `make train`.

A model has FEATURES (one byte a question: which value), THRESHOLDS (two bytes a question, offset by 32,768: a value above
goes right), LEAVES (two bytes a leaf, the same), BASE, where the sum begins, and LIMIT, from which on it is a fall. They are
bytes, which stay in flash where they are frozen, and not arrays, which would be copied.
"""

DEPTH = 3
QUESTIONS = 7
LEAVES = 8
OFFSET = 32768


def score(model, values):
    """Return the sum over all trees of the leaf that the values fall into: 1024 to a unit of the log odds."""
    features, thresholds, leaves = model.FEATURES, model.THRESHOLDS, model.LEAVES
    total = model.BASE
    leaf = 0
    for first in range(0, len(features), QUESTIONS):
        at = first
        right = values[features[at]] + OFFSET > thresholds[2 * at] | thresholds[2 * at + 1] << 8
        at = first + 1 + right
        right = 2 * right + (values[features[at]] + OFFSET > thresholds[2 * at] | thresholds[2 * at + 1] << 8)
        at = first + 3 + right
        right = 2 * right + (values[features[at]] + OFFSET > thresholds[2 * at] | thresholds[2 * at + 1] << 8)
        at = 2 * (leaf + right)
        total += (leaves[at] | leaves[at + 1] << 8) - OFFSET
        leaf += LEAVES
    return total
