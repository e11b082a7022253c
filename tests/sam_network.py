"""A network of segment-anything with random weights, small enough for tests."""

from __future__ import annotations

from functools import partial
from typing import Any

__all__ = ["DEPTH", "WIDTH", "tiny_network"]

WIDTH, DEPTH = 16, 2


def tiny_network(edge: int, seed: int = 0, **options: Any) -> Any:
    """Return one for images of `edge` pixels; needs the extra ``sam``."""
    import torch
    from segment_anything import modeling

    torch.manual_seed(seed)
    grid = edge // 16
    return modeling.Sam(
        modeling.ImageEncoderViT(
            depth=DEPTH, embed_dim=WIDTH, img_size=edge, mlp_ratio=2, num_heads=2, patch_size=16,
            norm_layer=partial(torch.nn.LayerNorm, eps=1e-6), use_rel_pos=True, window_size=5,
            global_attn_indexes=(1,), out_chans=32,
        ),
        modeling.PromptEncoder(
            embed_dim=32, image_embedding_size=(grid, grid), input_image_size=(edge, edge),
            mask_in_chans=8,
        ),
        modeling.MaskDecoder(
            num_multimask_outputs=3, transformer_dim=32, iou_head_depth=2, iou_head_hidden_dim=16,
            transformer=modeling.TwoWayTransformer(
                depth=2, embedding_dim=32, mlp_dim=32, num_heads=2
            ),
        ),
        **options,
    ).eval()  # fmt: skip
