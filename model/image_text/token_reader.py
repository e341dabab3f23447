"""Sentences as the word pieces of an encoder that is trained inside the network."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from model.image_text.text_batch import TextBatch, check_texts, padded_ids, read_tokenizer


class TokenReader:
    """path: the tokenizer.json of the encoder. max_words counts pieces, [CLS] and [SEP] included."""

    def __init__(self, path: Path, max_words: int) -> None:
        self.tokenizer = read_tokenizer(path, max_words)
        self.reader_id = f"pieces-{max_words}-{hashlib.sha256(path.read_bytes()).hexdigest()[:16]}"

    def read(self, texts: Sequence[str]) -> TextBatch:
        """Ids of the pieces."""
        check_texts(texts)
        ids, mask = padded_ids([encoding.ids for encoding in self.tokenizer.encode_batch(list(texts))])
        return TextBatch(mask, ids=ids)

    def tokens(self, text: str) -> tuple[str, ...]:
        """The pieces themselves."""
        return tuple(self.tokenizer.encode(text).tokens)

    def mask_id(self) -> int:
        """The id of [MASK]; that of [UNK] where the tokenizer has none."""
        for name in ("[MASK]", "<mask>", "[UNK]", "<unk>"):
            found = self.tokenizer.token_to_id(name)
            if found is not None:
                return int(found)
        raise ValueError("expected a tokenizer with a token for masked or unknown words, got neither")

    def vocabulary(self) -> range:
        """The ids there are."""
        return range(self.tokenizer.get_vocab_size())
