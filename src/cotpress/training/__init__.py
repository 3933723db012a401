"""How a model is taught: options, the folder of a run,
fine-tuning, and the settings of other trainers.
"""
