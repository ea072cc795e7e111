"""The judge's threshold: how far a correct result may lie from the reference's.

Two limits hold for the error ``e`` of an element, and the smaller one is the tolerance.  ``|e| <= bound``
always.  And where roundings are independent, of mean zero and bounded, their sum is sub-Gaussian, so that
``P(|e| > lambda sigma) <= 2 exp(-lambda**2 / 2)`` (Hoeffding 1963; the lambda of Higham & Mary 2019, Theorem
2.4).  Sigma itself may stand there, for a uniform error's variance is also its sub-Gaussian proxy (Arbel,
Marchal & Nguyen, "On strict sub-Gaussianity, optimal proxy variance and symmetry for bounded random
variables", ESAIM: Probability and Statistics 24, 2020).

Lambda follows from the false alarms that a whole run may give.  No tolerance is typed by hand.
"""

import numpy as np

from .carried import Carried
from .dtypes import DTYPES, Array

# False alarms expected of a whole run, and the number of checks that a run stays below.
FALSE_ALARMS_PER_RUN = 1e-6
CHECKS_PER_RUN = 1e6


def confidence(alpha: float, n: int) -> float:
    """The lambda with which ``n`` sub-Gaussian errors stay below ``lambda sigma`` together.

    ``lambda = sqrt(2 ln(2 n / alpha))`` fails with a probability of at most ``alpha``.  It is a union bound
    over the elements and needs no independence between them.

    Raises:
        ValueError: ``alpha`` is no probability between 0 and 1, or ``n`` is below 1.
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is {alpha}, but must lie between 0 and 1")
    if n < 1:
        raise ValueError(f"n is {n}, but must be at least 1")
    return float(np.sqrt(2 * np.log(2 * n / alpha)))


def tolerance(carried: Carried, independent: bool = True) -> Array:
    """The largest difference from ``carried.value`` that rounding explains, for each element.

    Args:
        carried: the finished result, its error carried under one profile.
        independent: whether roundings may be taken as independent.  On constant or coarse data they repeat,
            and only the worst case counts.
    """
    bound, variance = carried.bound, carried.variance
    if not independent:
        return bound
    alpha = FALSE_ALARMS_PER_RUN / CHECKS_PER_RUN
    likely = confidence(alpha, max(carried.size, 1)) * np.sqrt(variance)
    # Below the smallest normal number the variance, a square, has lost its digits.
    known = variance >= DTYPES["float64"].smallest_normal
    return np.where(known, np.minimum(bound, likely), bound)
