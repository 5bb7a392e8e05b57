"""The optimizer that the parameters select."""

from __future__ import annotations

from nst_engine.optim.laplacian import Laplacian
from nst_engine.optim.optimizers import Adam, Lbfgs, PixelOptimizer
from nst_engine.optim.rmsprop import RmsProp
from nst_engine.spec.config import StyleConfig
from nst_engine.spec.enums import LineSearch, Optimizer, Parameterization


def make_optimizer(config: StyleConfig, first_move: float | None = None) -> PixelOptimizer:
    """Return the optimizer of the pixels, or of the bands of a pyramid, that `config` selects.

    first_move: see Lbfgs.
    """
    optimizer = _make(config, first_move)
    if config.parameterization is Parameterization.LAPLACIAN:
        return Laplacian(optimizer, config.pyramid_levels)
    return optimizer


def _make(config: StyleConfig, first_move: float | None) -> PixelOptimizer:
    match config.optimizer:
        case Optimizer.ADAM:
            return Adam(learning_rate=config.learning_rate, beta1=config.adam_beta1, beta2=config.adam_beta2)
        case Optimizer.RMSPROP:
            return RmsProp(learning_rate=config.learning_rate)
        case Optimizer.LBFGS:
            search = config.line_search is LineSearch.STRONG_WOLFE
            return Lbfgs(
                learning_rate=config.learning_rate,
                history=config.lbfgs_history,
                search=search,
                coarse=config.lbfgs_coarse,
                first_move=first_move,
            )
