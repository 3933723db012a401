"""A stage in several processes or on several machines: shards of one run (shards.py), joined again
(merge.py), and who works on them: the processes of one machine (processes.py), or Ray (on_ray.py).
On Ray, vLLM engines may also answer one process (on_ray_data.py).
"""
