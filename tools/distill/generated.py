"""Training pictures that the student stylizes itself: they show where its features can be fooled."""

import torch
from torch import Tensor

from nst_engine.networks.lite import Lite
from tools.distill.data import ImagePool
from tools.distill.teachers import gram, normalize

# In turn: style on all layers, and on the deep ones alone, which are the easiest to fool.
LAYER_SETS = (("relu1a", "fire2", "fire3", "fire5", "fire7"), ("fire5", "fire7"))
CONTENT = "fire3"
SIZE, COUNT, STEPS, RATE = 192, 3, 20, 0.05


def generate(lite: Lite, pool: ImagePool, turn: int) -> list[Tensor]:
    """Stylize a few crops of the pool with others; return pictures (3, SIZE, SIZE) of bytes."""
    content, style = (torch.cat([pool.crop(SIZE) for _ in range(COUNT)]).clamp(0, 1) for _ in range(2))
    pictures = stylize(lite, content=content, style=style, layers=LAYER_SETS[turn % len(LAYER_SETS)])
    return [picture for batch in pictures for picture in (batch * 255).round().byte()]


def stylize(lite: Lite, *, content: Tensor, style: Tensor, layers: tuple[str, ...]) -> list[Tensor]:
    """Optimize the content with Adam; return the pictures (B, 3, S, S) after a third of the steps and after all."""
    with torch.no_grad():
        content_target, style_features = lite(normalize(content))[CONTENT], lite(normalize(style))
    grams = {name: gram(style_features[name]) for name in layers}
    image = content.clone().requires_grad_()
    optimizer = torch.optim.Adam([image], lr=RATE)
    pictures = []
    for step in range(1, STEPS + 1):
        features = lite(normalize(image))
        loss = (
            0.05 * ((features[CONTENT] - content_target).square().mean((1, 2, 3)) / content_target.var((1, 2, 3))).sum()
        )
        for name, target in grams.items():
            distance = (gram(features[name]) - target).square().sum((1, 2)) / target.square().sum((1, 2)).clamp(
                min=1e-3
            )
            loss = loss + distance.sum() / len(layers)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step in (STEPS // 3, STEPS):
            pictures.append(image.detach().clamp(0, 1))
    return pictures
