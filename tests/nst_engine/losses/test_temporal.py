import torch

from nst_engine.losses.objective import Objective
from nst_engine.losses.temporal import Anchor, temporal_loss
from tests.nst_engine.tiny import config, network, picture

DOUBLE = torch.float64


def anchor(height: int, width: int) -> Anchor:
    trusted = torch.zeros(1, 1, height, width, dtype=DOUBLE)
    trusted[..., : width // 2] = 1
    return Anchor(picture(height, width, 5, DOUBLE)[None], trusted)


def objective() -> tuple[Objective, Objective]:
    """Return an objective on the tiny network, and the one of another content image that shares its style."""
    on, values = network(DOUBLE), config(temporal_weight=7.0)
    content, other, style = (picture(10, 9, seed, DOUBLE)[None] for seed in (1, 2, 3))
    first = Objective(on, values, content=content, styles=[style])
    shared = first.without_content().with_content(other).with_anchor(anchor(10, 9))
    return shared, Objective(on, values, content=other, styles=[style])


def test_the_loss_is_the_mean_square_where_the_frames_before_count() -> None:
    image = torch.tensor([[[[0.5, 0.9]], [[0.2, 0.9]], [[0.1, 0.9]]]])  # (1, 3, 1, 2)
    held = Anchor(torch.tensor([[[[0.3, 0.0]], [[0.2, 0.0]], [[0.2, 0.0]]]]), torch.tensor([[[[1.0, 0.0]]]]))
    assert torch.isclose(temporal_loss(image, held), torch.tensor((0.04 + 0.0 + 0.01) / 6))


def test_a_frame_has_the_losses_of_its_own_content_and_the_temporal_loss() -> None:
    frame, plain = objective()
    image, held = picture(10, 9, 4, DOUBLE)[None], anchor(10, 9)
    found, expected = frame.evaluate(image), plain.evaluate(image)
    assert torch.equal(found.content, expected.content) and torch.equal(found.style, expected.style)
    assert torch.isclose(found.loss, expected.loss + 7 * temporal_loss(image, held))


def test_the_gradient_is_that_of_finite_differences() -> None:
    frame, _ = objective()
    image, step = picture(10, 9, 4, DOUBLE)[None], 1e-6
    gradient = frame.evaluate(image).gradient
    for place in ((0, 0, 2, 1), (0, 1, 5, 3), (0, 2, 9, 8)):
        ahead, behind = image.clone(), image.clone()
        ahead[place] += step
        behind[place] -= step
        slope = (frame.evaluate(ahead).loss - frame.evaluate(behind).loss) / (2 * step)
        assert torch.isclose(gradient[place], slope, rtol=1e-5, atol=1e-9)
