"""The input images of a run: checked, and named by a fingerprint."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from nst_engine.spec.config import StyleConfig
from nst_engine.spec.enums import Init
from nst_engine.spec.errors import ConfigError, Problem


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """The caller's tensors in float32 with a batch axis, (1, C, H, W)."""

    content: Tensor
    styles: tuple[Tensor, ...]
    masks: tuple[Tensor, ...] | None
    style_masks: tuple[Tensor, ...] | None
    init_image: Tensor | None

    @classmethod
    def checked(
        cls,
        content: Tensor,
        styles: Sequence[Tensor],
        config: StyleConfig,
        *,
        masks: Sequence[Tensor] | None = None,
        style_masks: Sequence[Tensor] | None = None,
        init_image: Tensor | None = None,
    ) -> Inputs:
        """Take over the tensors; raises ConfigError naming all that is wrong with them."""
        problems = [
            *_count_problems(len(styles), config, {"mask": masks, "style_mask": style_masks}),
            *_init_problems(config, init_image),
            *_image_problems(content, styles, init_image),
            *_mask_problems(masks or ()),
            *_style_mask_problems(style_masks or ()),
        ]
        if problems:
            raise ConfigError.of(*problems)
        return cls(
            content=_batched(content),
            styles=tuple(_batched(style) for style in styles),
            masks=None if masks is None else tuple(_batched(mask)[None] for mask in masks),
            style_masks=None if style_masks is None else tuple(_batched(mask)[None] for mask in style_masks),
            init_image=None if init_image is None else _batched(init_image),
        )

    def fingerprint(self, config: StyleConfig) -> str:
        """Return a hash of parameters and images: a state resumes only the run that it was taken from."""
        digest = hashlib.sha256(config.model_dump_json().encode())
        named = {
            "content": (self.content,),
            "style": self.styles,
            "mask": self.masks or (),
            "style_mask": self.style_masks or (),
            "init": () if self.init_image is None else (self.init_image,),
        }
        for name, tensor in ((name, tensor) for name, given in named.items() for tensor in given):
            digest.update(f"{name} {tuple(tensor.shape)}".encode())
            digest.update(tensor.detach().cpu().contiguous().numpy().data)
        return digest.hexdigest()


def _count_problems(
    styles: int, config: StyleConfig, masks: Mapping[str, Sequence[Tensor] | None]
) -> Iterator[Problem]:
    if not styles:
        yield Problem(field="style", message="at least one style image is needed")
    if config.style_blend is not None and len(config.style_blend) != styles:
        yield Problem(field="style_blend", message=f"{len(config.style_blend)} weights for {styles} style images")
    if config.layers_per_style is not None and len(config.layers_per_style) != styles:
        message = f"layers of {len(config.layers_per_style)} styles for {styles} style images"
        yield Problem(field="layers_per_style", message=message)
    for name, given in masks.items():
        if given is not None and len(given) != styles:
            message = f"{len(given)} masks for {styles} style images: give one for each, in the same order"
            yield Problem(field=name, message=message)


def _init_problems(config: StyleConfig, init_image: Tensor | None) -> Iterator[Problem]:
    if (config.init is Init.IMAGE) != (init_image is not None):
        yield Problem(field="init", message="init=image and an initial image go together")


def _image_problems(content: Tensor, styles: Sequence[Tensor], init_image: Tensor | None) -> Iterator[Problem]:
    images = {"content": content} | {f"style[{i}]": style for i, style in enumerate(styles)}
    if init_image is not None:
        images["init_image"] = init_image
    for name, image in images.items():
        if image.ndim != 3 or image.shape[0] != 3 or 0 in image.shape or not image.is_floating_point():
            yield Problem(field=name, message="must be a float RGB tensor (3, H, W)")


def _mask_problems(masks: Sequence[Tensor]) -> Iterator[Problem]:
    if any(mask.ndim != 2 or 0 in mask.shape for mask in masks):
        yield Problem(field="mask", message="must be a tensor (H, W)")
    elif masks and not any(bool(mask.any()) for mask in masks):
        yield Problem(field="mask", message="every mask is black: no style would apply anywhere")


def _style_mask_problems(masks: Sequence[Tensor]) -> Iterator[Problem]:
    if any(mask.ndim != 2 or 0 in mask.shape for mask in masks):
        yield Problem(field="style_mask", message="must be a tensor (H, W)")
    elif not all(bool(mask.any()) for mask in masks):
        yield Problem(field="style_mask", message="a mask is black: no part of its style image would count")


def _batched(image: Tensor) -> Tensor:
    return image.detach().float()[None]
