"""Pictures that the student makes itself: half-stylised crops, where its own blind spots show."""

import torch
from torch import Tensor

from nst_engine.networks.lite import Lite
from tools.distill.data import Pool
from tools.distill.teachers import gram, normalise

# In turn: style on all layers, and on the deep ones alone, where there is most to cheat.
SETS = (("relu1a", "fire2", "fire3", "fire5", "fire7"), ("fire5", "fire7"))
CONTENT = "fire3"
SIZE, COUNT, STEPS, RATE = 192, 3, 20, 0.05


def own_pictures(lite: Lite, pool: Pool, turn: int) -> list[Tensor]:
    """Stylise a few crops of the pool with others; return them as bytes, each (3, SIZE, SIZE), from two moments."""
    content, style = (torch.cat([pool.crop(SIZE) for _ in range(COUNT)]).clamp(0, 1) for _ in range(2))
    pictures = stylised(lite, content=content, style=style, layers=SETS[turn % len(SETS)])
    return [picture for batch in pictures for picture in (batch * 255).round().byte()]


def stylised(lite: Lite, *, content: Tensor, style: Tensor, layers: tuple[str, ...]) -> list[Tensor]:
    """Return the pictures (B, 3, S, S) after a third of the steps and after all, by Adam from the content."""
    with torch.no_grad():
        held, wanted = lite(normalise(content))[CONTENT], lite(normalise(style))
    grams = {name: gram(wanted[name]) for name in layers}
    image = content.clone().requires_grad_()
    optimiser = torch.optim.Adam([image], lr=RATE)
    kept = []
    for step in range(1, STEPS + 1):
        found = lite(normalise(image))
        loss = 0.05 * ((found[CONTENT] - held).square().mean((1, 2, 3)) / held.var((1, 2, 3))).sum()
        for name, target in grams.items():
            distance = (gram(found[name]) - target).square().sum((1, 2)) / target.square().sum((1, 2)).clamp(min=1e-3)
            loss = loss + distance.sum() / len(layers)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step in (STEPS // 3, STEPS):
            kept.append(image.detach().clamp(0, 1))
    return kept
