"""The walk: one file per verb, each a function from an
iterable of records to an iterator of records.
"""
