"""The structured solution of the block design is the least-squares one of all its equations."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from greenbench.stats.block_design import LEAST_WEIGHT, BlockDesign, weighted_fit


@settings(max_examples=60)
@given(st.integers(2, 6), st.integers(2, 9), st.integers(0, 10**6), st.integers(1, 9))
def test_effects_and_covariance_are_those_of_all_equations_at_once(
    blocks: int, cells: int, seed: int, unevenness: int
) -> None:
    """With and without a trend, with weights of all sizes and with rounds that do not count."""
    drawn = np.random.default_rng(seed)
    order = drawn.permutation(blocks * cells).reshape(blocks, cells).astype(float)
    design = BlockDesign(order)
    table = drawn.normal(size=(blocks, cells))
    weights = drawn.random((blocks, cells)) ** unevenness
    weights[drawn.random((blocks, cells)) < 0.1] = 0.0
    fit = weighted_fit(design, table, weights)
    counted = np.maximum(weights, LEAST_WEIGHT).ravel()
    of_cells = np.tile(np.eye(cells), (blocks, 1))
    of_blocks = np.repeat(np.eye(blocks), cells, axis=0)
    columns = [of_cells, of_blocks]
    if design.has_trend:
        columns.append(design.time.reshape(-1, 1))
    model = np.hstack(columns)
    scaled = model * np.sqrt(counted)[:, None]
    inverse = np.linalg.pinv(scaled, rcond=1e-12)
    solved = inverse @ (table.ravel() * np.sqrt(counted))
    centring = np.eye(cells) - 1 / cells
    covariance = centring @ (inverse @ inverse.T)[:cells, :cells] @ centring
    close = {"rtol": 1e-5, "atol": 1e-6}
    np.testing.assert_allclose(fit.effects, centring @ solved[:cells], **close)
    within = (table.ravel() - model @ solved).reshape(table.shape)
    np.testing.assert_allclose(fit.residuals, within, **close)
    atol = 1e-6 * float(np.abs(covariance).max())
    np.testing.assert_allclose(fit.covariance, covariance, rtol=1e-5, atol=atol)
