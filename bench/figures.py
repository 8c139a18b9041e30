"""Arithmetic of the tables; None is a figure that could not be taken."""
import statistics


def median(values):
    values = [value for value in values if value is not None]
    return statistics.median(values) if values else None


def ratio_of(above, below):
    return above / below if above is not None and below else None


def at_least(ratio, wanted):
    return None if wanted is None else ratio is not None and ratio >= wanted


def at_most(value, limit):
    return value is not None and value <= limit
