import pytest

pytest.importorskip("torch")

import torch

from cotpress.latent.quantise import Quantiser, closest, perplexity


def vectors(n: int, seed: int = 0, width: int = 6) -> "torch.Tensor":
    return torch.randn(n, width, generator=torch.Generator().manual_seed(seed))


def test_every_vector_gets_its_nearest_code():
    found, codebook = vectors(50), vectors(7, seed=1)
    slow = [min(range(7), key=lambda k: ((x - codebook[k]) ** 2).sum().item()) for x in found]
    assert closest(found, codebook).tolist() == slow


def test_the_codebook_moves_as_that_of_vector_quantize_pytorch():
    library = pytest.importorskip("vector_quantize_pytorch")
    theirs = library.VectorQuantize(
        dim=6, codebook_size=7, decay=0.9, commitment_weight=1.0, rotation_trick=False
    )
    ours = Quantiser(7, 6, decay=0.9)
    start = theirs.codebook.clone()
    ours.codebook.copy_(start)
    ours.sums.copy_(theirs._codebook.embed_avg[0])
    ours.counts.copy_(theirs._codebook.cluster_size[0])
    for step in range(5):
        batch = vectors(40, seed=step)
        quantised, codes, loss = theirs(batch[None])
        mine = ours(batch)
        assert torch.equal(mine.codes, codes[0])
        assert torch.allclose(mine.vectors, quantised[0], atol=1e-5)
        assert mine.commitment.item() == pytest.approx(loss.item(), rel=1e-4)
        assert torch.allclose(ours.codebook, theirs.codebook, atol=1e-5)
    assert not torch.allclose(ours.codebook, start, atol=1e-2)


def test_the_gradient_passes_straight_through_and_commitment_pulls_to_the_code():
    quantiser, x = Quantiser(4, 6).eval(), vectors(3).requires_grad_()
    quantiser.codebook.copy_(vectors(4, seed=1))
    weights = vectors(3, seed=2)
    found = quantiser(x)
    (found.vectors * weights).sum().backward()
    assert torch.allclose(x.grad, weights)
    x.grad = None
    quantiser(x).commitment.backward()
    assert torch.allclose(
        x.grad, 2 * (x - quantiser.codebook[found.codes]).detach() / x.numel(), atol=1e-6
    )


def test_k_means_begins_on_the_centres_of_clusters():
    centres = 10 * vectors(5, seed=3)
    points = torch.cat([centre + 0.01 * vectors(30, seed=i) for i, centre in enumerate(centres)])
    quantiser = Quantiser(5, 6)
    quantiser.begin(points, torch.Generator().manual_seed(0))
    assert (quantiser.codebook[closest(points, quantiser.codebook)] - points).norm(
        dim=1
    ).max() < 0.1


def test_too_few_vectors_cannot_fill_a_codebook():
    with pytest.raises(ValueError, match="3 vectors cannot fill 5 codes"):
        Quantiser(5, 6).begin(vectors(3), torch.Generator())


def test_a_code_that_no_vector_chooses_is_put_where_vectors_are():
    quantiser, chance = Quantiser(4, 6, decay=0.5), torch.Generator().manual_seed(0)
    points = vectors(64)
    quantiser.begin(points, chance)
    quantiser._put(torch.tensor([2]), torch.full((1, 6), 1000.0))
    for _ in range(6):
        quantiser(points)
    assert 2 not in quantiser(points).codes
    assert quantiser.revive(points, chance) == 1
    assert quantiser.revive(points, chance) == 0  # it is no longer dead
    assert (points == quantiser.codebook[2]).all(1).any()
    assert 2 in quantiser(points).codes


def test_a_code_is_dead_only_after_ten_vectors_for_every_code_have_gone_by():
    quantiser, chance = Quantiser(4, 6), torch.Generator().manual_seed(0)
    points = vectors(20)
    quantiser.begin(points, chance)
    quantiser._put(torch.tensor([2]), torch.full((1, 6), 1000.0))
    revived = []
    for _ in range(3):
        quantiser(points)
        revived.append(quantiser.revive(points, chance))
    assert revived == [0, 0, 1]  # after 20, 40 and 60 vectors


def test_evaluation_leaves_the_codebook_alone():
    quantiser = Quantiser(4, 6)
    quantiser.begin(vectors(20), torch.Generator())
    before = quantiser.codebook.clone()
    quantiser.eval()(vectors(20, seed=9))
    assert torch.equal(quantiser.codebook, before)


def test_perplexity_is_the_number_of_codes_in_even_use():
    assert perplexity(torch.tensor([5.0, 5.0, 0.0, 5.0])) == pytest.approx(3)
    assert perplexity(torch.zeros(4)) == 0
