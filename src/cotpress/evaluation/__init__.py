"""What a model does at each setting: arms, controls, rows, intervals, and which ratio to serve."""
