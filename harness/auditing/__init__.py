"""The judge judged: known faults and correct controls, put through the cases that frameworks get."""
