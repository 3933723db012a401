"""Token Assorted (Su et al. 2025, arXiv 2502.03275): a VQ-VAE turns chunks of reasoning into
discrete codes.

`quantise` is the codebook, `vqvae` the network, `fit` its training, `folder` how it is stored,
`encode` what it is used for and `mix` how codes and text are put together. Nothing of this is
needed when the taught model answers.
"""
