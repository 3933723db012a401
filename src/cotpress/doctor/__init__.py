"""What is wrong with a model folder, a data file or a running server, each finding with its
cure.
"""
