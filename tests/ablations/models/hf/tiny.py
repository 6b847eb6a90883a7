"""Tiny random encoders of the library transformers, one of each kind, made from configurations."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

SPEECH = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 48,
    "conv_dim": (16,) * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
    "vocab_size": 12,
}
LISTENER = {
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 48,
    "vocab_size": 60,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 1,
    "max_target_positions": 20,
}
CLAP = {
    "audio_config": {
        "hidden_size": 64,
        "patch_embeds_hidden_size": 8,
        "depths": [1, 1, 1, 1],
        "num_attention_heads": [1, 1, 2, 2],
        "projection_dim": 16,
    },
    "text_config": {
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
        "intermediate_size": 16,
        "vocab_size": 60,
        "projection_dim": 16,
    },
    "projection_dim": 16,
}
FUSION = CLAP | {"audio_config": CLAP["audio_config"] | {"enable_fusion": True}}
RAW, MASKED = ("Wav2Vec2FeatureExtractor", {}), ("Wav2Vec2FeatureExtractor", {"return_attention_mask": True})

KINDS: Mapping[str, tuple[str, Mapping[str, Any], str, tuple[str, Mapping[str, Any]]]] = {
    "wav2vec2": ("Wav2Vec2Config", SPEECH, "Wav2Vec2ForCTC", RAW),
    "wav2vec2_masked": (
        "Wav2Vec2Config",
        SPEECH | {"do_stable_layer_norm": True, "feat_extract_norm": "layer"},
        "Wav2Vec2ForPreTraining",
        MASKED,
    ),
    "hubert": ("HubertConfig", SPEECH, "HubertModel", RAW),
    "wavlm": ("WavLMConfig", SPEECH, "WavLMModel", RAW),
    "data2vec": ("Data2VecAudioConfig", SPEECH, "Data2VecAudioModel", RAW),
    "unispeech_sat": ("UniSpeechSatConfig", SPEECH | {"num_labels": 5}, "UniSpeechSatForSequenceClassification", RAW),
    "sew": ("SEWConfig", SPEECH | {"conv_dim": (16,) * 13}, "SEWModel", RAW),
    "wav2vec2_bert": (
        "Wav2Vec2BertConfig",
        SPEECH | {"feature_projection_input_dim": 160, "conv_depthwise_kernel_size": 7},
        "Wav2Vec2BertModel",
        ("SeamlessM4TFeatureExtractor", {}),
    ),
    "whisper": ("WhisperConfig", LISTENER, "WhisperForConditionalGeneration", ("WhisperFeatureExtractor", {})),
    "moonshine": (
        "MoonshineConfig",
        {
            "hidden_size": 32,
            "encoder_num_hidden_layers": 2,
            "decoder_num_hidden_layers": 1,
            "encoder_num_attention_heads": 2,
            "decoder_num_attention_heads": 2,
            "intermediate_size": 48,
            "vocab_size": 60,
        },
        "MoonshineForConditionalGeneration",
        ("Wav2Vec2FeatureExtractor", {"do_normalize": False}),
    ),
    "ast": (
        "ASTConfig",
        {
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "intermediate_size": 48,
            "num_labels": 7,
            "problem_type": "multi_label_classification",
        },
        "ASTForAudioClassification",
        ("ASTFeatureExtractor", {}),
    ),
    "clap": ("ClapConfig", CLAP, "ClapModel", ("ClapFeatureExtractor", {"truncation": "rand_trunc"})),
    "clap_fusion": ("ClapConfig", FUSION, "ClapModel", ("ClapFeatureExtractor", {"truncation": "fusion"})),
}
"""kind -> configuration class, its values, class of the network, feature extractor with its values."""


def save(kind: str, folder: Path, seed: int = 0, **changes: Any) -> Path:
    """Write a tiny encoder with random values to a folder, as the library saves it.

    Args:
        changes: of its configuration.
    """
    import transformers

    configuration, values, network, (extractor, settings) = KINDS[kind]
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = getattr(transformers, network)(getattr(transformers, configuration)(**{**values, **changes}))
    transformers.logging.disable_progress_bar()
    model.save_pretrained(folder)
    getattr(transformers, extractor)(**settings).save_pretrained(folder)
    return folder
