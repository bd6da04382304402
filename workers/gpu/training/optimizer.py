"""What open_clip_train.main sets up before its training loop: arguments, seed, optimizer."""

from __future__ import annotations

import random
from argparse import Namespace
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from open_clip_train.params import parse_args

from common.training.params import TrainParams
from common.training.plan import TrainPlan


def seed_everything(seed: int) -> None:
    """As open_clip_train.main.random_seed."""
    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)


def open_clip_args(
    architecture: str, params: TrainParams, plan: TrainPlan, device: str, precision: str
) -> Namespace:
    """open_clip's own arguments, read by its own parser; one process, no distributed mode."""
    asked = {
        "--model": architecture, "--epochs": plan.epochs, "--batch-size": plan.batch_size.value,
        "--lr": plan.lr.value, "--warmup": plan.warmup.value, "--wd": params.weight_decay,
        "--precision": precision, "--seed": params.seed, "--device": device,
        "--log-every-n-steps": 1,
    }  # fmt: skip
    args: Namespace = parse_args([str(part) for pair in asked.items() for part in pair])
    args.distributed = args.horovod = args.distill = args.wandb = False
    args.rank = args.local_rank = 0
    args.world_size = 1
    return args


def create_optimizer(model: Any, args: Namespace) -> torch.optim.AdamW:
    """AdamW with open_clip_train.main's two groups: gains and biases are not decayed."""

    def excluded(name: str, p: torch.Tensor) -> bool:
        return p.ndim < 2 or any(part in name for part in ("bn", "ln", "bias", "logit_scale"))

    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    return torch.optim.AdamW(
        [
            {"params": [p for name, p in named if excluded(name, p)], "weight_decay": 0.0},
            {"params": [p for name, p in named if not excluded(name, p)], "weight_decay": args.wd},
        ],
        lr=args.lr,
        betas=(args.beta1, args.beta2),
        eps=args.eps,
        fused=True,
    )


def share_scale_gradient(model: Any, parts: Callable[[], int]) -> None:
    """Divide the logit scale's gradient by the parts of a batch.

    open_clip computes the whole batch's loss once for each micro-batch. A part's embeddings get their
    gradient from one of these losses, the scale (and bias) from all of them: `parts()` times too much.
    """
    for name in ("logit_scale", "logit_bias"):
        parameter = getattr(model, name, None)
        if isinstance(parameter, torch.nn.Parameter) and parameter.requires_grad:
            divide: Any = parameter.register_hook
            divide(lambda gradient: gradient / parts())
