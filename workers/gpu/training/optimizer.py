"""What open_clip_train.main sets up before its training loop: arguments, seed, optimizer, schedule."""

from __future__ import annotations

import math
import random
from argparse import Namespace
from typing import Any

import numpy as np
import torch
from open_clip_train.params import parse_args
from open_clip_train.scheduler import cosine_lr

from common.training.params import TrainParams
from common.training.plan import TrainPlan
from workers.gpu.training.memory import allocate_moments

MAX_LOGIT_SCALE = math.log(100)


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


class Optimizer:
    """How a model's weights change: AdamW with open_clip's groups and schedule, and AMP's loss scale.

    A step is begin_step, backward (once for each part of the batch), step.
    """

    def __init__(self, model: Any, args: Namespace, steps: int) -> None:
        self._model = model
        self._adamw = create_adamw(model, args)
        self._set_lr = cosine_lr(self._adamw, args.lr, args.warmup, steps)
        self._scaler = torch.amp.GradScaler(args.device) if args.precision == "amp" else None

    @property
    def lr(self) -> float:
        """The learning rate now."""
        return float(self._adamw.param_groups[0]["lr"])

    def allocate_moments(self) -> None:
        """Take all the memory that steps need, unless it was restored: it cannot run out in one."""
        if not self._adamw.state:
            allocate_moments(self._adamw)

    def begin_step(self, step: int) -> None:
        """Set the learning rate of a step, counted from 0, and drop the gradients of the one before."""
        self._set_lr(step)
        self.zero_grad()

    def zero_grad(self) -> None:
        """Drop the gradients, and their memory."""
        self._adamw.zero_grad()

    def backward(self, loss: torch.Tensor) -> None:
        """Add the gradients of a loss."""
        scaled: Any = loss if self._scaler is None else self._scaler.scale(loss)
        scaled.backward()

    def share_scale_gradient(self, parts: int) -> None:
        """Divide the logit scale's gradient by the parts of a batch.

        The whole batch's loss was computed once for each part. A part's embeddings got their gradient
        from one of these losses, the scale (and bias) from all of them: `parts` times too much.
        """
        for name in ("logit_scale", "logit_bias"):
            parameter = getattr(self._model, name, None)
            if parts > 1 and parameter is not None and parameter.grad is not None:
                parameter.grad /= parts

    def step(self) -> None:
        """Change the weights; the logit scale stays from 0 to ln(100), as in the CLIP paper."""
        if self._scaler is None:
            self._adamw.step()
        else:
            self._scaler.step(self._adamw)
            self._scaler.update()
        with torch.no_grad():
            self._model.logit_scale.clamp_(0, MAX_LOGIT_SCALE)

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint: {"optimizer": ..., "scaler": ...}."""
        scaler = self._scaler.state_dict() if self._scaler is not None else None
        return {"optimizer": self._adamw.state_dict(), "scaler": scaler}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """What `state_dict` gave."""
        self._adamw.load_state_dict(saved["optimizer"])
        if self._scaler is not None and saved["scaler"] is not None:
            self._scaler.load_state_dict(saved["scaler"])


def create_adamw(model: Any, args: Namespace) -> torch.optim.AdamW:
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
