"""Numbers: formats, rounding, error-carrying arrays, and reproducible data.

Everything else in the project stands on this package, and it stands on NumPy, ml_dtypes and SciPy's
special functions alone.  Import its modules, not names from here: workers load ``dtypes`` without SciPy.

=============  =====================================================================
``dtypes``     the floating-point formats under test; one rounding; bits for the wire
``profiles``   where a sensible implementation rounds, and how much
``carried``    arrays that carry the rounding error an implementation may have made
``tolerance``  the judge's threshold, from carried error and a false-alarm probability
``ulps``       the spacing of a format, and distances measured in it
``generator``  a counter-based random generator with the same bits on every machine
``data``       named data sets, each with the faults that it is made to show
=============  =====================================================================
"""
