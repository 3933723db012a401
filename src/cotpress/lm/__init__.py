"""What stands under every backend: the contract of a model,
log-probabilities, decoding, the grammar of latent tokens.
"""
