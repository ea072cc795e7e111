"""Attention to what is kept: loops in 40 digits, laws of whole sequences, and memory of nobody."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.attention_caches import (
    cached_attention,
    cached_attention_vjp,
    latent_attention,
    latent_attention_vjp,
    paged_attention,
    paged_attention_vjp,
)
from assay.reference.attention_forms import grouped_query_attention, grouped_query_attention_vjp
from assay.reference.attention_states import variable_length_attention

BATCH, GROUPS, REPEATS, DEPTH, VALUES = 3, 2, 2, 4, 3
HEADS = GROUPS * REPEATS


def normal(name, *shape):
    return Stream(f"attention_caches/{name}").normal(shape)


def attended(query, keys, values, scale):
    """The average of one query's head, in 40 digits."""
    with mpmath.workdps(40):
        powers = [mpmath.exp(mpmath.fdot(query, key) * scale) for key in keys]
        total = mpmath.fsum(powers)
        return [
            mpmath.fsum(p / total * value[v] for p, value in zip(powers, values, strict=True))
            for v in range(len(values[0]))
        ]


# --- a cache ---

STEPS, SLOTS = 2, 7
LENGTHS = np.array([0, 5, 3])
LEFT = pytest.mark.parametrize("left", [None, 0, 2])


def cache():
    """A query, the keys and values of two steps, and caches with NaN where nothing is stored."""
    key_cache = normal("key cache", BATCH, SLOTS, GROUPS, DEPTH)
    value_cache = normal("value cache", BATCH, SLOTS, GROUPS, VALUES)
    for batch, length in enumerate(LENGTHS):
        key_cache[batch, length:] = value_cache[batch, length:] = np.nan
    return (
        normal("query", BATCH, STEPS, HEADS, DEPTH),
        normal("key", BATCH, STEPS, GROUPS, DEPTH),
        normal("value", BATCH, STEPS, GROUPS, VALUES),
        key_cache,
        value_cache,
    )


def whole(batch):
    """All keys and values of a sequence, those of the steps after those of the cache."""
    _, key, value, key_cache, value_cache = cache()
    filled = slice(0, LENGTHS[batch])
    return [
        np.concatenate([c[batch, filled], new[batch]]) for c, new in ((key_cache, key), (value_cache, value))
    ]


@proves(cached_attention, by="high precision")
@LEFT
def test_a_step_attends_to_the_cache_and_to_the_steps_up_to_its_own(left):
    given = cache()
    y, keys, values = cached_attention(*map(carried, given), LENGTHS, left=left)
    for batch, step, head in np.ndindex(BATCH, STEPS, HEADS):
        own = LENGTHS[batch] + step
        seen = slice(0 if left is None else max(own - left, 0), own + 1)
        every = [array[seen, head // REPEATS] for array in whole(batch)]
        expected = attended(given[0][batch, step, head], *every, DEPTH**-0.5)
        assert_same(y[batch, step, head], np.array(expected))
    for batch, length in enumerate(LENGTHS):
        for got, expected in zip((keys, values), whole(batch), strict=True):
            np.testing.assert_array_equal(got.value[batch, : length + STEPS], expected)
            assert np.isnan(got.value[batch, length + STEPS :]).all()


@proves(cached_attention, cached_attention_vjp, by="law")
def test_steps_beside_a_cache_are_the_last_rows_of_causal_attention():
    given, into = cache(), normal("into y", BATCH, STEPS, HEADS, VALUES)
    y, *_ = cached_attention(*map(carried, given), LENGTHS)
    gradients = cached_attention_vjp(*map(carried, given), LENGTHS, carried(into))
    for batch, length in enumerate(LENGTHS):
        one = [carried(array[np.newaxis]) for array in (given[0][batch], *whole(batch))]
        assert_same(y[batch], grouped_query_attention(*one, causal="bottom_right")[0])
        into_query, *others = grouped_query_attention_vjp(
            *one, carried(into[batch : batch + 1]), causal="bottom_right"
        )
        assert_same(gradients[0][batch], into_query[0])
        for of_steps, of_cache, each in zip(gradients[1:3], gradients[3:], others, strict=True):
            assert_same(of_steps[batch], each[0, length:])
            if length:
                assert_same(of_cache[batch, :length], each[0, :length])
            assert (of_cache.value[batch, length:] == 0).all()


@proves(cached_attention, by="worked figures")
def test_a_step_that_is_alone_gives_its_own_value():
    one, nothing = np.ones((1, 1, 1, 1)), np.full((1, 2, 1, 1), np.nan)
    y, keys, values = cached_attention(one, one, 3 * one, nothing, nothing, np.array([0]))
    assert_same(y, 3.0)
    np.testing.assert_array_equal(values[0, :, 0, 0], [3.0, np.nan])
    # The second has the weight of e, to the first's 1.
    filled = keys * 0.0, values
    query = carried(np.log([[[[9.0]]]]))
    y, *_ = cached_attention(query, one, 13 * one, *filled, np.array([1]))
    assert_same(y, 12.0)


# --- pages ---

ROWS, PAGES = 2, 5
TABLE = np.array([[4, 1, 0], [1, 3, 3], [2, 0, 1]])
KEYS = np.array([5, 3, 0])


def pages():
    """A query of each sequence, and pages with NaN where no token is stored."""
    key_pages = normal("key pages", PAGES, ROWS, GROUPS, DEPTH)
    value_pages = normal("value pages", PAGES, ROWS, GROUPS, VALUES)
    owned = {
        (int(TABLE[batch, place // ROWS]), place % ROWS)
        for batch, length in enumerate(KEYS)
        for place in range(length)
    }
    for page, row in np.ndindex(PAGES, ROWS):
        if (page, row) not in owned:
            key_pages[page, row] = value_pages[page, row] = np.nan
    return normal("page query", BATCH, HEADS, DEPTH), key_pages, value_pages


def of_sequence(pages, batch):
    """What a sequence has in its pages, token by token."""
    places = range(KEYS[batch])
    return np.array([pages[TABLE[batch, place // ROWS], place % ROWS] for place in places])


@proves(paged_attention, by="high precision")
@LEFT
def test_a_query_attends_to_the_tokens_in_its_pages(left):
    query, *both = pages()
    y = paged_attention(*map(carried, (query, *both)), TABLE, KEYS, left=left)
    assert_same(y[2], 0.0)
    for batch, head in np.ndindex(2, HEADS):
        every = [of_sequence(array, batch) for array in both]
        seen = slice(0 if left is None else max(len(every[0]) - 1 - left, 0), None)
        own = [array[seen, head // REPEATS] for array in every]
        assert_same(y[batch, head], np.array(attended(query[batch, head], *own, DEPTH**-0.5)))


@proves(paged_attention_vjp, by="law")
def test_a_page_that_is_shared_collects_what_flows_into_every_sequence():
    (query, *both), into = pages(), normal("into pages", BATCH, HEADS, VALUES)
    gradients = paged_attention_vjp(*map(carried, (query, *both)), TABLE, KEYS, carried(into))
    collected = [np.zeros(array.shape) for array in both]
    for batch in range(2):
        own = (query[batch : batch + 1], *(of_sequence(array, batch) for array in both))
        one = [carried(array[np.newaxis]) for array in own]
        into_query, *others = grouped_query_attention_vjp(*one, carried(into[batch][np.newaxis, np.newaxis]))
        assert_same(gradients[0][batch], into_query[0, 0])
        for total, each in zip(collected, others, strict=True):
            for place in range(KEYS[batch]):
                total[TABLE[batch, place // ROWS], place % ROWS] += each.value[0, place]
    for got, expected in zip(gradients[1:], collected, strict=True):
        assert_same(got, expected)
    assert (gradients[0].value[2] == 0).all()


@proves(paged_attention, by="worked figures")
def test_the_second_page_is_read_first():
    rows = np.log([[[9.0], [1.0]], [[3.0], [np.nan]]]).reshape(2, 2, 1, 1)
    values = np.array([[4.0, 10.0], [0.0, np.nan]]).reshape(2, 2, 1, 1)
    y = paged_attention(*map(carried, (np.ones((1, 1, 1)), rows, values)), np.array([[0, 1]]), np.array([3]))
    assert_same(y, 46.0 / 13.0)


# --- latent keys ---

QUERIES, PLACES, ROPE, RANK = 2, 5, 2, 3
COUNTS = np.array([5, 1, 3])


def latents():
    latent, rope = normal("latent", BATCH, PLACES, RANK), normal("key rope", BATCH, PLACES, ROPE)
    for batch, length in enumerate(COUNTS):
        latent[batch, length:] = rope[batch, length:] = np.nan
    return (
        normal("latent query", BATCH, QUERIES, HEADS, DEPTH),
        normal("query rope", BATCH, QUERIES, HEADS, ROPE),
        latent,
        rope,
        normal("key kernel", RANK, HEADS, DEPTH),
        normal("value kernel", RANK, HEADS, VALUES),
    )


@proves(latent_attention, by="high precision")
@pytest.mark.parametrize("causal", [False, True])
def test_keys_and_values_are_made_of_one_vector(causal):
    query, query_rope, latent, rope, of_keys, of_values = latents()
    y = latent_attention(*map(carried, latents()), COUNTS, causal=causal)
    with mpmath.workdps(40):
        scale = 1 / mpmath.sqrt(DEPTH + ROPE)
        for batch, place, head in np.ndindex(BATCH, QUERIES, HEADS):
            seen = range(COUNTS[batch] - (QUERIES - 1 - place if causal else 0))
            if not seen:
                assert_same(y[batch, place, head], 0.0)
                continue
            keys, values = [], []
            for j in seen:
                made = [mpmath.fdot(latent[batch, j], of_keys[:, head, d]) for d in range(DEPTH)]
                keys.append([*made, *rope[batch, j]])
                values.append([mpmath.fdot(latent[batch, j], of_values[:, head, v]) for v in range(VALUES)])
            own = [*query[batch, place, head], *query_rope[batch, place, head]]
            assert_same(y[batch, place, head], np.array(attended(own, keys, values, scale)))


@proves(latent_attention, by="law")
def test_queries_may_be_multiplied_by_the_kernel_in_place_of_the_keys():
    query, query_rope, latent, rope, of_keys, of_values = map(carried, latents())
    absorbed = np.concatenate([np.einsum("bqhd,rhd->bqhr", query, of_keys), query_rope], axis=-1)
    keys = np.concatenate([latent, rope], axis=-1)[:, :, np.newaxis]
    # The scale is not that of these keys.
    absorbed = absorbed * ((RANK + ROPE) / (DEPTH + ROPE)) ** 0.5
    flat = np.reshape(np.swapaxes(absorbed, 1, 2), (BATCH, HEADS * QUERIES, 1, RANK + ROPE))
    rows = np.full(BATCH, HEADS * QUERIES)
    y = variable_length_attention(flat, keys, latent[:, :, np.newaxis], rows, COUNTS)
    y = np.swapaxes(np.reshape(y, (BATCH, HEADS, QUERIES, RANK)), 1, 2)
    y = np.einsum("bqhr,rhv->bqhv", y, of_values)
    assert_same(latent_attention(query, query_rope, latent, rope, of_keys, of_values, COUNTS), y)


def test_places_that_do_not_count_get_no_gradient():
    into = normal("into latent", BATCH, QUERIES, HEADS, VALUES)
    gradients = latent_attention_vjp(*latents(), COUNTS, into)
    clean = [np.nan_to_num(array) for array in latents()]
    for got, expected in zip(gradients, latent_attention_vjp(*clean, COUNTS, into), strict=True):
        np.testing.assert_array_equal(got, expected)
    for batch, length in enumerate(COUNTS):
        for gradient in gradients[2:4]:
            assert not gradient[batch, length:].any()


# --- bad input ---


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({0: np.ones((BATCH, STEPS + 1, HEADS, DEPTH))}, "key must have the 3 steps of the query; got 2"),
        ({3: np.ones((BATCH, SLOTS, GROUPS, DEPTH + 1))}, "key_cache must have shape"),
        ({4: np.ones((BATCH, SLOTS + 1, GROUPS, VALUES))}, "value_cache must have shape"),
        ({5: np.array([0, 6, 3])}, r"lengths must lie between 0 and 5; got \[0, 6, 3\]"),
        ({5: np.array([0, 1])}, "lengths must have shape"),
    ],
)
def test_refuses_a_cache_that_does_not_fit(changed, message):
    given = dict(enumerate((*cache(), LENGTHS))) | changed
    with pytest.raises(ValueError, match=message):
        cached_attention(*given.values())


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({0: np.ones((BATCH, HEADS + 1, DEPTH))}, "heads of the query must be a multiple"),
        ({2: np.ones((PAGES + 1, ROWS, GROUPS, VALUES))}, "value_pages must have shape"),
        ({3: TABLE[:2]}, "table must have 3 rows, one for each query; got 2"),
        ({3: TABLE + 1}, "table must name pages from 0 to 4"),
        ({4: np.array([7, 1, 0])}, "lengths must lie between 0 and 6"),
    ],
)
def test_refuses_pages_that_there_are_not(changed, message):
    given = dict(enumerate((*pages(), TABLE, KEYS))) | changed
    with pytest.raises(ValueError, match=message):
        paged_attention(*given.values())


@pytest.mark.parametrize(
    ("place", "shape", "message"),
    [
        (1, (BATCH, QUERIES + 1, HEADS, ROPE), "query_rope must have shape"),
        (3, (BATCH, PLACES + 1, ROPE), "key_rope must have shape"),
        (4, (RANK + 1, HEADS, DEPTH), "key_kernel must have shape"),
        (5, (RANK, HEADS + 1, VALUES), "value_kernel must have shape"),
    ],
)
def test_refuses_latent_keys_that_do_not_fit(place, shape, message):
    given = list(latents())
    given[place] = np.ones(shape)
    with pytest.raises(ValueError, match=message):
        latent_attention(*given, COUNTS)


def test_refuses_a_window_that_is_negative():
    with pytest.raises(ValueError, match="left must be at least 0, or None; got -1"):
        paged_attention(*pages(), TABLE, KEYS, left=-1)
