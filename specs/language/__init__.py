"""The words that a spec is written in: spec, case, the choice of cases, distribution and variant."""
