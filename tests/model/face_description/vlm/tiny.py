"""A Qwen2.5-VL of a few thousand weights and a tokenizer of single characters, both made here."""

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from model.face_description.vlm.encoding import Encoder

SPECIAL = ["<|pad|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>"]
SIZE = {"shortest_edge": 56 * 56, "longest_edge": 84 * 84}


def tiny_tokenizer():
    characters = [chr(code) for code in range(32, 127)] + ["\n"]
    vocabulary = {token: number for number, token in enumerate([*SPECIAL, *characters])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=" "))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<|pad|>",
        eos_token="<|im_end|>",
        extra_special_tokens=[token for token in SPECIAL if token not in ("<|pad|>", "<|im_end|>")],
    )


def tiny_encoder():
    return Encoder(tiny_tokenizer(), Qwen2VLImageProcessorPil(size=SIZE))


def tiny_model(seed=0):
    torch.manual_seed(seed)
    names = tiny_tokenizer().convert_tokens_to_ids
    config = Qwen2_5_VLConfig(
        text_config={
            "vocab_size": len(tiny_tokenizer()),
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": 2048,
            "rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10000.0},
            "bos_token_id": None,
            "eos_token_id": names("<|im_end|>"),
            "pad_token_id": names("<|pad|>"),
        },
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_heads": 2,
            "out_hidden_size": 32,
            "fullatt_block_indexes": [1],
        },
        image_token_id=names("<|image_pad|>"),
        vision_start_token_id=names("<|vision_start|>"),
        vision_end_token_id=names("<|vision_end|>"),
    )
    return Qwen2_5_VLForConditionalGeneration(config).eval()
