"""Sentences as the word pieces of an encoder that is trained inside the network."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer

from model.image_text.text_batch import TextBatch, check_texts, padded_ids


class TokenReader:
    """Reads tokenizer.json of the encoder's folder; max_words counts pieces, [CLS] and [SEP] included."""

    def __init__(self, folder: Path, max_words: int) -> None:
        path = folder / "tokenizer.json"
        self.tokenizer = Tokenizer.from_file(str(path))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(max_words)
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
