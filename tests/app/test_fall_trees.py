"""Trees are added up as their tables say: a value above its threshold goes right, three questions deep."""

from types import SimpleNamespace

import pytest
from app import fall_trees


def packed(values):
    return b"".join((value + fall_trees.OFFSET).to_bytes(2, "little") for value in values)


def model(thresholds, leaves, features=(0, 1, 2, 3, 4, 5, 6), base=0):
    return SimpleNamespace(
        FEATURES=bytes(features), THRESHOLDS=packed(thresholds), LEAVES=packed(leaves), BASE=base
    )


LEAVES = (-30000, -2, -1, 0, 1, 2, 3, 32767)


@pytest.mark.parametrize(
    "values, leaf",
    [
        ((0, 0, 0, 0, 0, 0, 0), 0),
        ((0, 0, 0, 1, 0, 0, 0), 1),
        ((0, 1, 0, 0, 0, 0, 0), 2),
        ((0, 1, 0, 0, 1, 0, 0), 3),
        ((1, 0, 0, 0, 0, 0, 0), 4),
        ((1, 0, 0, 0, 0, 1, 0), 5),
        ((1, 0, 1, 0, 0, 0, 0), 6),
        ((1, 0, 1, 0, 0, 0, 1), 7),
    ],
)
def test_each_way_through_a_tree_ends_in_its_own_leaf(values, leaf):
    assert fall_trees.score(model([0] * 7, LEAVES), values) == LEAVES[leaf]


@pytest.mark.parametrize("threshold", [-32768, -1, 0, 1, 32766])
def test_what_equals_the_threshold_goes_left_and_one_more_goes_right(threshold):
    tree = model([threshold] * 7, LEAVES)
    assert fall_trees.score(tree, [threshold] * 7) == LEAVES[0]
    assert fall_trees.score(tree, [threshold + 1] * 7) == LEAVES[7]


def test_all_trees_and_the_base_are_added_up():
    two = model([0] * 14, LEAVES * 2, features=(0,) * 7 + (1,) * 7, base=-100)
    assert fall_trees.score(two, (1, 0)) == -100 + 32767 - 30000
