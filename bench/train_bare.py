"""`python -m open_clip_train.main` with this project's model configurations known to it, nothing else."""

from __future__ import annotations

import sys

import open_clip
from open_clip_train.main import main

from common.models.catalogue import MODEL_CONFIG_DIR

if __name__ == "__main__":
    open_clip.add_model_config(MODEL_CONFIG_DIR)
    main(sys.argv[1:])
