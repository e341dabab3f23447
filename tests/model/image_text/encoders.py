"""A tiny random transformer with a tokenizer, in the layout of the packaged one."""

import json
from pathlib import Path

SCENE_WORDS = tuple(f"w{place}{bit}" for place in range(6) for bit in range(2))
WORDS = (
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "dog", "runs", "cat", "sleeps", "on", "grass", "label0"),
    *SCENE_WORDS,
)


def write_encoder(folder: Path, width=8, seed=0) -> Path:
    """Weights, configuration and tokenizer of a BERT of one layer."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel

    torch.manual_seed(seed)
    settings = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=width,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=40,
    )
    BertModel(settings).save_pretrained(folder)
    write_tokenizer(folder / "tokenizer.json", Tokenizer, models, normalizers, pre_tokenizers, processors)
    assert json.loads((folder / "config.json").read_text())["model_type"] == "bert"
    return folder


def write_tokenizer(path: Path, tokenizer_class, models, normalizers, pre_tokenizers, processors) -> None:
    """WordPiece over WORDS with [CLS] and [SEP]."""
    vocabulary = {word: number for number, word in enumerate(WORDS)}
    tokenizer = tokenizer_class(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(path))
