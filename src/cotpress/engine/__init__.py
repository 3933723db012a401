"""A stage in several processes or on several machines: shards of one run (shards.py), joined again
(merge.py), and the processes of one machine that work on them (processes.py).
"""
