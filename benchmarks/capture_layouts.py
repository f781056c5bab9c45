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


LENGTH = 9
"""Tokens of a text."""


def _mask(n_tokens: int, *lengths: int) -> Tensor:
    return (torch.arange(n_tokens) < torch.tensor(lengths)[:, None]).long()


def _transformer(
    name: str,
    config: dict[str, Any],
    layouts: dict[str, str],
    inputs: Callable[[], dict[str, Tensor]] | None = None,
    masks: dict[str, Tensor] | None = None,
    warnings: bool = False,
) -> Architecture:
    """Return an architecture of transformers, `name` without "Model", of a text by default."""

    def make() -> nn.Module:
        import transformers

        made = getattr(transformers, f"{name}Config")(**config)
        model: nn.Module = getattr(transformers, f"{name}Model")(made)
        return model

    return Architecture(make, inputs or _text, layouts, masks or {"text": TEXT_MASK}, warnings)


TEXT_MASK = _mask(LENGTH, LENGTH, 4, 6)


def _text(length: int = LENGTH) -> dict[str, Tensor]:
    mask = _mask(length, length, 4, 6)
    return {"input_ids": torch.randint(5, 90, (N, length)), "attention_mask": mask}


def _text_pair(length: int) -> dict[str, Tensor]:
    return {**_text(), "decoder_input_ids": torch.randint(5, 90, (N, length))}


def _image(size: int = 16) -> dict[str, Tensor]:
    return {"pixel_values": torch.randn(N, 3, size, size)}


AUDIO_LENGTHS = (1600, 900, 1203)
FRAMES_MASK = _mask(79, *((((n - 10) // 5 - 2) // 2 - 2) // 2 + 1 for n in AUDIO_LENGTHS))


def _audio() -> dict[str, Tensor]:
    return {"input_values": torch.randn(N, 1600), "attention_mask": _mask(1600, *AUDIO_LENGTHS)}


SIZES = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 24,
}
BERT = {**SIZES, "vocab_size": 99, "max_position_embeddings": 64}
LLAMA = {**BERT, "num_key_value_heads": 2, "head_dim": 4}
BART = {
    "vocab_size": 99,
    "d_model": 16,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 24,
    "decoder_ffn_dim": 24,
}
WAV2VEC = {
    **SIZES,
    "conv_dim": (8, 8, 8),
    "conv_stride": (5, 2, 2),
    "conv_kernel": (10, 3, 3),
    "num_feat_extract_layers": 3,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
}
VISION = {**SIZES, "image_size": 16, "patch_size": 4}

TEXT = {"*": "NLC:text|(NL)C:text|NC"}
SAME_FOR_ALL = {"*position_embedding*": "-", "*token_type_embeddings": "-", "*rotary_emb*": "-"}
SPEECH = {
    "*parametrizations*": "-",
    "feature_extractor.conv_layers.2.layer_norm": "NLC:frames",
    "feature_extractor.conv_layers.2*": "NCL:frames",
    "feature_extractor": "NCL:frames",
    "feature_extractor.conv_layers.?.layer_norm": "NLC",
    "feature_extractor.*": "NCL",
    "encoder.pos_conv_embed.conv": "NCL",
    "encoder.pos_conv_embed.padding": "NCL:frames",
    "encoder.pos_conv_embed.activation": "NCL:frames",
    "*": "NLC:frames",
}

TRANSFORMERS = {
    "BERT": _transformer("Bert", BERT, {**SAME_FOR_ALL, **TEXT}),
    "RoBERTa": _transformer("Roberta", BERT, TEXT),
    "ALBERT": _transformer("Albert", {**BERT, "embedding_size": 8}, {**SAME_FOR_ALL, **TEXT}),
    "DistilBERT": _transformer(
        "DistilBert",
        {"vocab_size": 99, "dim": 16, "n_layers": 2, "n_heads": 4, "hidden_dim": 24},
        {**SAME_FOR_ALL, **TEXT},
    ),
    "DeBERTa": _transformer(
        "DebertaV2",
        {**BERT, "relative_attention": True, "pos_att_type": ["p2c", "c2p"]},
        {"*.pos_*": "-", "*.self.dropout": "Nhqk", **SAME_FOR_ALL, **TEXT},
    ),
    "ModernBERT": _transformer(
        "ModernBert",
        {
            **BERT,
            "pad_token_id": 0,
            "bos_token_id": 1,
            "eos_token_id": 2,
            "cls_token_id": 1,
            "sep_token_id": 2,
        },
        {**SAME_FOR_ALL, **TEXT},
    ),
    "Longformer": _transformer(
        "Longformer",
        {**BERT, "attention_window": 4},
        {
            "*.token_type_embeddings": "-",
            "encoder": "NLC:text",
            "*.self.*": "LNC",
            "*": "NLC|NC",
        },
        warnings=True,  # pads the texts, so that its layers include padding
    ),
    "GPT-2": _transformer(
        "GPT2",
        {"vocab_size": 99, "n_embd": 16, "n_layer": 2, "n_head": 4, "n_positions": 64},
        {"wpe": "-", **TEXT},
    ),
    "Llama": _transformer("Llama", LLAMA, {**SAME_FOR_ALL, **TEXT}),
    "Gemma": _transformer("Gemma", LLAMA, {**SAME_FOR_ALL, **TEXT}),
    "Qwen3": _transformer("Qwen3", LLAMA, {**SAME_FOR_ALL, "*.[qk]_norm": "NLhd:text", **TEXT}),
    "Mixtral": _transformer(
        "Mixtral",
        {**LLAMA, "num_local_experts": 4},
        {"*.experts.act_fn": "-", **SAME_FOR_ALL, **TEXT},
    ),
    "OPT": _transformer(
        "OPT",
        {
            **SIZES,
            "vocab_size": 99,
            "ffn_dim": 24,
            "max_position_embeddings": 64,
            "word_embed_proj_dim": 16,
        },
        TEXT,
    ),
    "BLOOM": _transformer(
        "Bloom",
        {"vocab_size": 99, "hidden_size": 16, "n_layer": 2, "n_head": 4},
        {"*.attention_dropout": "Nhqk", **TEXT},
    ),
    "Falcon": _transformer("Falcon", BERT, {**SAME_FOR_ALL, **TEXT}),
    "Mamba": _transformer(
        "Mamba",
        {"vocab_size": 99, "hidden_size": 16, "num_hidden_layers": 2, "state_size": 4},
        {"*.conv1d": "NCL", "*.mixer.act": "NCL:text", **TEXT},
        warnings=True,
    ),
    "XLNet": _transformer(
        "XLNet",
        {"vocab_size": 99, "d_model": 16, "n_layer": 2, "n_head": 4, "d_inner": 24},
        {"dropout#2": "-", "*.rel_attn.dropout": "Nhqk", "*": "LNC:text"},
    ),
    "T5": _transformer(
        "T5",
        {
            "vocab_size": 99,
            "d_model": 16,
            "d_kv": 4,
            "d_ff": 24,
            "num_layers": 2,
            "num_heads": 4,
        },
        {
            "*.relative_attention_bias": "-",
            "decoder.*.EncDecAttention.[kv]": "NLC:text",
            "decoder*": "NLC",
            **TEXT,
        },
        lambda: _text_pair(6),
    ),
    "BART": _transformer(
        "Bart",
        BART,
        {
            "*.embed_positions": "-",
            "decoder.*.encoder_attn.[kv]_proj": "NLC:text",
            "decoder*": "NLC",
            **TEXT,
        },
        lambda: _text_pair(LENGTH),
    ),
    "Whisper": _transformer(
        "Whisper",
        {
            **BART,
            "num_mel_bins": 10,
            "max_source_positions": 20,
            "max_target_positions": 20,
            "pad_token_id": 0,
            "bos_token_id": 1,
            "eos_token_id": 2,
            "decoder_start_token_id": 1,
        },
        {"*.embed_positions": "-", "encoder.conv?": "NCL", "*": "NLC"},
        lambda: {
            "input_features": torch.randn(N, 10, 40),
            "decoder_input_ids": torch.randint(5, 90, (N, 6)),
        },
    ),
    "Wav2Vec2": _transformer(
        "Wav2Vec2",
        {**WAV2VEC, "feat_extract_norm": "layer", "do_stable_layer_norm": True},
        SPEECH,
        _audio,
        {"frames": FRAMES_MASK},
        warnings=True,
    ),
    "HuBERT": _transformer(
        "Hubert",
        {**WAV2VEC, "feat_extract_norm": "group"},
        {"feature_extractor.conv_layers.0.layer_norm": "NCL", **SPEECH},
        _audio,
        {"frames": FRAMES_MASK},
        warnings=True,
    ),
    "ViT": _transformer("ViT", VISION, {"*": "NCYX|NLC|NC"}, _image),
    "Swin": _transformer(
        "Swin",
        {
            "image_size": 32,
            "patch_size": 4,
            "embed_dim": 8,
            "depths": [2, 2],
            "num_heads": [2, 4],
            "window_size": 4,
        },
        {
            "*.relative_position_bias": "-",
            "*.attention*": "(Nw)LC",
            "*.blocks.?.dropout": "(Nw)LC",
            "pooler": "NCL",
            "*": "NCYX|NLC|NC",
        },
        lambda: _image(32),
    ),
    "ConvNeXt": _transformer(
        "ConvNext",
        {"hidden_sizes": [8, 12, 16, 20], "depths": [1, 1, 2, 1]},
        {
            "*.layers.*.layernorm": "NYXC",
            "*.layers.*.pwconv?": "NYXC",
            "*.layers.*.act": "NYXC",
            "*": "NCYX|NC",
        },
        lambda: _image(64),
    ),
    "CLIP": _transformer(
        "CLIP",
        {
            "text_config": BERT,
            "vision_config": {**SIZES, "image_size": 16, "patch_size": 5},
            "projection_dim": 8,
        },
        {**SAME_FOR_ALL, "vision_model*": "NCYX|NLC|NC", "*": "NLC:text|NC"},
        lambda: {**_text(10), **_image()},  # as many tokens as patches
        {"text": _mask(10, 10, 4, 6)},
    ),
    "SigLIP": _transformer(
        "Siglip",
        {"text_config": BERT, "vision_config": VISION},
        {
            "*position_embedding": "-",
            "vision_model.head*": "NLC|NC",
            "vision_model*": "NCYX|NLC|NC",
            "*": "NLC:text|NC",
        },
        lambda: {**_text(16), **_image()},
        {"text": _mask(16, 16, 4, 6)},
    ),
    "ViLT": _transformer(
        "Vilt",
        {**BERT, "image_size": 16, "patch_size": 4},
        {
            "*position_embeddings": "-",
            "embeddings.text_embeddings.token_type_embeddings": "-",
            "embeddings.text_embeddings*": "NLC:text",
            "embeddings.token_type_embeddings#2": "-",
            "embeddings.token_type_embeddings": "NLC:text",
            "*": "NCYX|NLC|NC",
        },
        lambda: {**_text(), **_image()},
        warnings=True,  # text and patches are one sequence, which includes the padding
    ),
    "Perceiver": _transformer(
        "Perceiver",
        {
            "num_latents": 5,
            "d_latents": 12,
            "d_model": 16,
            "num_blocks": 1,
            "num_self_attends_per_block": 2,
            "num_self_attention_heads": 2,
            "num_cross_attention_heads": 2,
        },
        {
            "embeddings": "-",
            "encoder.cross_attention.attention.self.layernorm1": "-",
            "encoder.cross_attention.attention.self.query": "-",
            "*.self.dropout": "Nhqk",
            "*": "NLC",
        },
        lambda: {"inputs": torch.randn(N, LENGTH, 16)},
    ),
    "DETR": _transformer(
        "Detr",
        {
            **BART,
            "use_timm_backbone": False,
            "use_pretrained_backbone": False,
            "num_queries": 7,
        },
        {
            "position_embedding": "-",
            "decoder.layers.0.self_attn*": "-",
            "decoder.layers.0.encoder_attn.q_proj": "-",
            "*": "NCYX|NLC|NC",
        },
        lambda: _image(64),
    ),
}
