"""Makes `golden_taehv.safetensors`: pictures that the TAEHV in fastvideo makes of whole clips. Run
from tests/wan:

    pip download fastvideo==0.2.1 --no-deps && unzip -d fastvideo fastvideo-0.2.1-*.whl
    PYTHONPATH=fastvideo/fastvideo/third_party/taehv python taehv_golden_from_fastvideo.py
"""

from __future__ import annotations

from pathlib import Path

import torch
from golden_taehv import FILE, latents, weights
from safetensors.torch import save_file
from taehv import TAEHV


@torch.inference_mode()
def main() -> None:
    theirs = TAEHV(checkpoint_path=None)
    held = {**theirs.state_dict(), **weights().state_dict()}
    theirs.load_state_dict(held)
    pictures = theirs.decode_video(latents(), parallel=True, show_progress_bar=False)
    save_file({"pictures": pictures.contiguous()}, Path(__file__).with_name(FILE))


if __name__ == "__main__":
    main()
