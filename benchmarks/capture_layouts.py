"""What the axes of the outputs of published architectures are, by the names of their modules.

Read off the source code of the models. `capture_axes.rows` explains the layouts; of several, that
with as many axes as the output counts. The first pattern that matches applies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

N = 3
"""Samples of a batch."""


@dataclass(frozen=True)
class Architecture:
    """A model with random weights, a batch for it, and the layouts of its outputs.

    Parameters
    ----------
    make
        Function that returns the model.
    inputs
        Function that returns a batch.
    layouts
        Glob pattern of layer names to layouts, "-" for outputs without a row for each sample.
    masks
        Masks that layouts name.
    """

    make: Callable[[], nn.Module]
    inputs: Callable[[], Any]
    layouts: dict[str, str]
    masks: dict[str, Tensor] = field(default_factory=dict)
    warnings: bool = False


def _timm(name: str, size: int, layouts: dict[str, str], **options: Any) -> Architecture:
    def make() -> nn.Module:
        import timm

        model: nn.Module = timm.create_model(name, **options)
        return model

    return Architecture(make, lambda: torch.randn(N, 3, size, size), layouts)


MAPS = {"*": "NCYX|NC"}
TOKENS = {"*.[qk]_norm": "NhLd", "*": "NCYX|NLC|NC"}  # one convolution, then tokens
MIXING = "NLC"  # hidden units of a layer along the tokens; its positions are the channels

TIMM = {
    "resnet18": _timm("resnet18", 64, MAPS),
    "regnety_002": _timm("regnety_002", 64, MAPS),
    "densenet121": _timm("densenet121", 64, MAPS, block_config=(2, 2, 2, 2)),
    "vgg11": _timm("vgg11", 64, MAPS),
    "hrnet_w18_small": _timm("hrnet_w18_small", 64, MAPS),
    "efficientnet_b0": _timm("efficientnet_b0", 64, MAPS),
    "mobilenetv3_small": _timm("mobilenetv3_small_050", 64, MAPS),
    "convnext": _timm(
        "convnext_atto",
        64,
        {"*.blocks.*.norm": "NYXC", "*.mlp*": "NYXC|NC", **MAPS},
        depths=(1, 1, 2, 1),
        conv_mlp=False,
    ),
    "convnextv2": _timm("convnextv2_atto", 64, MAPS, depths=(1, 1, 2, 1)),
    "inception_next": _timm("inception_next_atto", 64, MAPS, depths=(1, 1, 2, 1)),
    "poolformer": _timm("poolformer_s12", 64, MAPS),
    "convmixer": _timm("convmixer_768_32", 64, MAPS),
    "rdnet": _timm("rdnet_tiny", 64, MAPS),
    "focalnet": _timm("focalnet_tiny_srf", 64, MAPS),
    "convformer": _timm("convformer_s18", 64, MAPS),
    "caformer": _timm("caformer_s18", 64, {"*": "NCYX|NLC|NC"}),
    "coatnet": _timm("coatnet_nano_rw_224", 64, MAPS, img_size=64),
    "repvit": _timm("repvit_m0_9", 64, MAPS),
    "fastvit": _timm("fastvit_t8", 64, MAPS),
    "mambaout": _timm(
        "mambaout_femto",
        64,
        {
            "stem.conv?": "NCYX",
            "stem.act": "NCYX",
            "*.conv": "NCYX",
            "*": "NYXC|NC",
        },
        depths=(1, 1, 2, 1),
    ),
    "edgenext": _timm(
        "edgenext_xx_small",
        64,
        {
            "*.pos_embd*": "-",
            "*.attn_drop": "Nhcd",
            "stages.*.norm": "NYXC",
            "stages.*.mlp*": "NYXC",
            "*": "NCYX|NLC|NC",
        },
        depths=(1, 1, 2, 1),
    ),
    "efficientvit": _timm("efficientvit_b0", 64, {"*.kernel_func": "NhLd", **MAPS}),
    "mobilevit": _timm("mobilevit_xxs", 64, {"*.[qk]_norm": "(Nw)hLd", "*": "NCYX|(Nw)LC|NC"}),
    "vit": _timm("vit_tiny_patch16_224", 64, TOKENS, img_size=64, depth=2),
    "deit3": _timm("deit3_small_patch16_224", 64, TOKENS, img_size=64, depth=2),
    "eva02": _timm("eva02_tiny_patch14_224", 56, TOKENS, img_size=56, depth=2),
    "beit": _timm(
        "beit_base_patch16_224", 64, TOKENS, img_size=64, depth=2, embed_dim=96, num_heads=4
    ),
    "cait": _timm(
        "cait_xxs24_224",
        64,
        {"*.proj_[lw]": "NqkC", "*.attn_drop": "NCqk", **TOKENS},
        img_size=64,
        depth=2,
    ),
    "xcit": _timm(
        "xcit_nano_12_p16_224",
        64,
        {"pos_embed*": "-", "*.attn_drop": "Nhcd", **TOKENS},
        img_size=64,
        depth=2,
    ),
    "crossvit": _timm("crossvit_tiny_240", 240, {"*.attn_drop": "Nhqk", **TOKENS}),
    "tnt": _timm(
        "tnt_s_legacy_patch16_224",
        64,
        {
            "pixel_embed.proj": "NCYX",
            "pixel_embed.unfold": "NCL",
            "pixel_embed": "(Nw)LC",
            "blocks.*.attn_in.attn_drop": "(Nw)hqk",
            "blocks.*_in*": "(Nw)LC",
            "blocks.*.norm1_proj": "(Nw)LC",
            "blocks.?.drop_path#[34]": "NLC",
            "blocks.?.drop_path": "(Nw)LC",
            "blocks.?": "(Nw)LC",
            "blocks.*.attn_out.attn_drop": "Nhqk",
            "*": "NLC|NC",
        },
        img_size=64,
        depth=2,
    ),
    "mixer": _timm(
        "mixer_s32_224",
        64,
        {
            "*.mlp_tokens.fc2": MIXING,
            "*.mlp_tokens.drop2": "NCL",
            "*.mlp_tokens": "NCL",
            "*.mlp_tokens.*": MIXING,
            **TOKENS,
        },
        img_size=64,
    ),
    "resmlp": _timm("resmlp_12_224", 64, {"*.linear_tokens": MIXING, **TOKENS}, img_size=64),
    "gmlp": _timm("gmlp_s16_224", 64, {"*.gate.proj": MIXING, **TOKENS}, img_size=64),
    "sequencer2d": _timm(
        "sequencer2d_s",
        224,
        {
            "stem.proj": "NCYX",
            "*.downsample.down": "NCYX",
            "*.rnn_?": "(NX)YC",
            "*": "NYXC|NC",
        },
        layers=(1, 1, 1, 1),
    ),
    "levit": _timm("levit_128s", 224, {"stages.*.bn": "(NL)C", **TOKENS}),
    "pvt_v2": _timm(
        "pvt_v2_b0",
        64,
        {
            "patch_embed.proj": "NCYX",
            "*.downsample.proj": "NCYX",
            "patch_embed*": "NYXC",
            "*.downsample*": "NYXC",
            "*": "NCYX|NLC|NC",
        },
    ),
    "twins": _timm(
        "twins_svt_small", 224, {"*.qkv": "NYXYXC", "*": "NCYX|NLC|NC"}, depths=[1, 1, 2, 1]
    ),
    "swin": _timm(
        "swin_tiny_patch4_window7_224",
        112,
        {
            "patch_embed.proj": "NCYX",
            "*.softmax": "(Nw)hqk",
            "*.attn_drop": "(Nw)hqk",
            "*.attn*": "(Nw)LC",
            "*": "NYXC|NLC|NC",
        },
        img_size=112,
        depths=(2, 2, 2, 2),
    ),
    "swinv2": _timm(
        "swinv2_tiny_window8_256",
        128,
        {
            "patch_embed.proj": "NCYX",
            "*.cpb_mlp*": "-",
            "*.softmax": "(Nw)hqk",
            "*.attn_drop": "(Nw)hqk",
            "*.attn*": "(Nw)LC",
            "*": "NYXC|NLC|NC",
        },
        img_size=128,
        depths=(2, 2, 2, 2),
    ),
    "maxvit": _timm(
        "maxvit_tiny_rw_224",
        64,
        {"*.attn_*.attn*": "(Nw)YXC", "*.attn_*": "NYXC", **MAPS},
        img_size=64,
    ),
    "gcvit": _timm(
        "gcvit_xxtiny",
        224,
        {
            "stages.*.global_block*": "NCYX",
            "stages.*.downsample*": "NCYX",
            "*.attn.*": "(Nw)LC|(Nw)hqk",
            "*.attn": "(Nw)LC",
            "stages.*.*": "NYXC|NCYX",
            **MAPS,
        },
    ),
    "volo": _timm(
        "volo_d1_224",
        64,
        {
            "patch_embed*": "NCYX",
            "network.*.attn.pool": "NCYX",
            "network.*.attn.unfold": "NCL",
            "network.*.attn.attn_drop": "NhLcd",
            "network.*.attn.proj": "NYXC",
            "network.*.proj": "NCYX",
            "post_network.*.attn_drop": "Nhqk",
            "*": "NYXC|NLC|NC",
        },
        img_size=64,
    ),
    "nest": _timm(
        "nest_tiny",
        112,
        {
            "*.transformer_encoder*": "NwLC",
            "*.pool.norm": "NYXC",
            "norm": "NYXC",
            **MAPS,
        },
        img_size=112,
    ),
    "davit": _timm(
        "davit_tiny", 96, {"*.attn*": "(Nw)LC", "*": "NCYX|NLC|NC"}, depths=(1, 1, 1, 1)
    ),
    "hiera": _timm("hiera_tiny_224", 224, TOKENS, stages=(1, 1, 2, 1)),
    "mvitv2": _timm(
        "mvitv2_tiny",
        64,
        {"*.pool_[qkv]": "(Nh)CYX", "*.norm_[qkv]": "NhLd", "*": "NCYX|NLC|NC"},
        img_size=64,
    ),
    "tiny_vit": _timm(
        "tiny_vit_5m_224",
        224,
        {
            "stages.[123].downsample*": "NCYX",
            "stages.[123].blocks.*.local_conv*": "NCYX",
            "*.attn*": "(Nw)LC",
            "stages.[123].blocks*": "NYXC|NLC",
            **MAPS,
        },
        depths=(1, 1, 2, 1),
    ),
    "samvit": _timm(
        "samvit_base_patch16",
        96,
        {
            "patch_embed.proj": "NCYX",
            "blocks.*.[qk]_norm": "(Nwh4)Ld",
            "blocks.*.attn*": "(Nw)LC|(Nw)YXC",
            "blocks.*.ls1": "(Nw)YXC",
            "blocks.*.drop_path1": "(Nw)YXC",
            "neck*": "NCYX",
            "head.global_pool.pool": "NCYX",
            "*": "NYXC|NLC|NC",
        },
        img_size=96,
        depth=3,
        embed_dim=96,
        num_heads=4,
        global_attn_indexes=(1,),
        window_size=4,
    ),
}

TRANSFORMERS: dict[str, Architecture] = {}
