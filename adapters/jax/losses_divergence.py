"""Losses of classification that are divergences, of optax, and of what JAX gives to build them."""

from __future__ import annotations

from .framework import binds, jax, jnp
from .losses_classification import PRODUCT, REDUCED
from .modules import function
from .reductions import BY_COLUMNS, SELECTS_VALUES, UNMASKED, UNWEIGHTED, WHERE, reduced


def reduced_rows(rows, reduction):
    """Divergences of rows as they are, their mean or their sum."""
    return reduced(rows, {"rows": "none", "batchmean": "mean", "sum": "sum"}[reduction])


ROWS = {"reduction in ('rows', 'batchmean', 'sum')": "optax sums over the classes"}
PLAIN = {
    "epsilon == 0.0": "JAX clips nothing",
    "zero_gradient == 'zero' or data != 'zeros'": "JAX gives no gradient where the target is 0",
}


KL = {"options": {"axis": "-1"} | WHERE, "returns": "reduced_rows(y, reduction)"}
NAN_GRADIENT = {
    "zero_gradient == 'nan' or data not in ('zeros', 'saturated', 'negative_infinities')": "0 inf in JAX",
}

function(
    "kl_divergence",
    "optax.kl_divergence",
    **KL,
    on="log_predictions, targets",
    where=PRODUCT | ROWS | NAN_GRADIENT | SELECTS_VALUES,
)
function(
    "kl_divergence_with_log_targets",
    "optax.losses.kl_divergence_with_log_targets",
    **KL,
    on="log_predictions, log_targets",
    where=ROWS | SELECTS_VALUES,
)

for spec, api, others, where in (
    ("kl_divergence", "optax.kl_divergence", "targets", PRODUCT | NAN_GRADIENT),
    (
        "kl_divergence_with_log_targets",
        "optax.losses.kl_divergence_with_log_targets",
        "log_targets",
        {},
    ),
):
    function(
        spec,
        f"{api}(axis)",
        {"axis": "0"},
        on=f"log_predictions.T, {others}.T",
        returns="reduced_rows(y, reduction)",
        unused=("mask",),
        where=where | ROWS | BY_COLUMNS,
        fixed=UNMASKED,
    )


@binds("kl_divergence_probabilities", "jax.scipy.special.rel_entr", where=PLAIN, fixed=UNWEIGHTED)
def kl_divergence_probabilities(targets, predictions, sample_weights, *, reduction):
    terms = jax.scipy.special.rel_entr(targets, predictions)
    if reduction in ("elements", "mean"):
        return reduced(terms, reduction.replace("elements", "none"))
    return reduced_rows(jnp.sum(terms, axis=-1), reduction)


for api in ("generalized_kl_divergence", "convex_kl_divergence"):
    function(
        "generalized_kl_divergence",
        f"optax.losses.{api}",
        WHERE,
        where=SELECTS_VALUES,
        on="log_predictions, targets",
        returns=REDUCED,
    )
    function(
        "generalized_kl_divergence",
        f"optax.losses.{api}(axis)",
        {"axis": "0"},
        on="log_predictions.T, targets.T",
        returns=REDUCED,
        unused=("mask",),
        where=BY_COLUMNS,
        fixed=UNMASKED,
    )
