"""What tutorials call on the data sets that come from folders and series."""

import numpy as np
import pytest

from graphc import keras
from graphc.keras.utils import timeseries_dataset_from_array

DATA = np.arange(20, dtype="float32")


def numbers(dataset):
    return [int(batch[0, 0]) for batch in dataset]


@pytest.fixture
def dataset():
    return timeseries_dataset_from_array(DATA, None, sequence_length=2, batch_size=4)


def test_the_usual_chain(dataset):
    chained = dataset.cache().shuffle(10, seed=1).prefetch(buffer_size=-1)
    first, second = numbers(chained), numbers(chained)
    assert sorted(first) == sorted(second) == numbers(dataset)
    assert first != second  # every pass has an order of its own
    assert len(chained) == len(dataset)


def test_shuffle_repeats_by_its_seed(dataset):
    def order(**kwargs):
        return numbers(dataset.shuffle(10, **kwargs))

    assert order(seed=3) == order(seed=3) != order(seed=4)
    fixed = dataset.shuffle(10, seed=3, reshuffle_each_iteration=False)
    assert numbers(fixed) == numbers(fixed)
    keras.utils.set_random_seed(0)
    once = order()
    keras.utils.set_random_seed(0)
    assert order() == once


def test_a_small_buffer_moves_elements_little(dataset):
    assert numbers(dataset.shuffle(1, seed=0)) == numbers(dataset)
    assert numbers(dataset.shuffle(2, seed=0))[0] in numbers(dataset)[:2]


def test_repeat(dataset):
    twice = dataset.repeat(2)
    assert numbers(twice) == 2 * numbers(dataset)
    assert len(twice) == 2 * len(dataset)
    with pytest.raises(ValueError, match="count=None"):
        dataset.repeat()
