"""Train a matcher: python -m model.image_text.train --config F --pairs FOLDER --features STORE --out RUN [--resume].

Pairs are a folder with captions.parquet and images/; features were extracted before (python -m model.vision.extract).
The best epoch is the one with the highest rSum on the validation part, and nothing else is chosen by it.
"""

import argparse
import logging
import sys
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from model.image_text.captions import Captions, joined, read_captions
from model.image_text.checkpoint import (
    BANK_FILE,
    check_resumable,
    num_words,
    reader_of,
    save_description,
    word_vectors_of,
)
from model.image_text.config import ImageTextConfig, load_config
from model.image_text.data import BatchRows, Features, Pairs, epoch_batches, load_pairs
from model.image_text.linear_fit import fit_projections, fit_skip
from model.image_text.losses import CollapseAlarm
from model.image_text.network import Matcher, PairMatcher, network_of
from model.image_text.pair_blocks import all_sides, embed_all_images, embed_all_texts, near_pairs, pair_scores
from model.image_text.retrieval_metrics import seven_metrics
from model.image_text.steps import training_step
from model.image_text.text_batch import TextReader
from model.image_text.text_tower import WordGru
from model.image_text.vocabulary import SPECIAL, Vocabulary
from model.release import git_revision
from model.training import Schedule, fit
from model.vision.word_vectors import word_vectors

logger = logging.getLogger(__name__)

# The share of a tuned text side's transformer (3SHNet, VSE-infinity).
ENCODER_RATE = 0.1
TEST_IMAGES = 150
EPOCH_PAIRS = 10


@dataclass(frozen=True)
class Training:
    """What a training needs, in memory."""

    config: ImageTextConfig
    network: Matcher
    reader: TextReader
    train: Pairs
    val: Pairs
    feature_space: str
    data_revision: str

    def facts(self) -> dict[str, Any]:
        """Where the checkpoint comes from."""
        return {
            "feature_space": self.feature_space,
            "reader_id": self.reader.reader_id,
            "data_revision": self.data_revision,
            "images": len(self.train.images),
            "sentences": len(self.train.texts),
            "parameters": sum(one.numel() for one in self.network.parameters()),
            "git_revision": git_revision(),
        }


def prepare(config: ImageTextConfig, captions: Captions, features: Features, cache: Path | None = None) -> Training:
    """Read the data and make the network; the part `train` of captions trains, `val` selects, others are not read."""
    train, val = captions.part("train"), captions.part("val")
    if not len(train) or not len(val):
        raise ValueError(f"expected images in the parts train and val, got {len(train)} and {len(val)}")
    words: tuple[str, ...] = ()
    if config.text.encoder == "bigru":
        texts = [text for group in train.sentences for text in group]
        words = Vocabulary.of(texts, config.text.min_count, config.text.max_words).words[len(SPECIAL) :]
    reader = reader_of(config, words)
    load = partial(
        load_pairs, features=features, network=config.network, reader=reader, word_vectors=word_vectors_of(reader)
    )
    torch.manual_seed(config.stage.seed)
    network = network_of(config, num_words(reader))
    revision = captions.part("train", "val").revision()
    pairs = load(train, cache=cache), load(val, cache=cache)
    return Training(config, network, reader, *pairs, features.feature_space, revision)


def initialise(network: Matcher, training: Pairs, config: ImageTextConfig, words: tuple[str, ...] = ()) -> None:
    """What is known before the first step: the linear maps in closed form, the words' packaged vectors."""
    if network.skip is not None:
        whole, sentence = training.images.whole, training.texts.sentence
        assert whole is not None
        assert sentence is not None
        if config.network.closed_form:
            fit_skip(network.skip, whole, sentence, training.owner, config.network.ridge)
        else:
            network.skip.standardise(whole, sentence)
    if config.network.informed_start:
        fit_projections(network, training, config.network.ridge)
    if config.text.word_vectors and isinstance(network.text, WordGru):
        vectors = torch.from_numpy(word_vectors(words))
        with torch.no_grad():
            # At the scale that a word's vector is drawn from otherwise.
            scaled = vectors / vectors.std() * network.text.embed.weight[len(SPECIAL) :].std()
            network.text.embed.weight[len(SPECIAL) :, : vectors.shape[1]] = scaled


def hardest(config: ImageTextConfig, step: int, steps_per_epoch: int) -> bool:
    """Whether a step mines the hardest negatives: after the warm-up epochs of the sum form."""
    return config.objective.mining == "hardest" and step >= config.objective.warm_up_epochs * steps_per_epoch


def validate(network: Matcher, pairs: Pairs) -> dict[str, float]:
    """rSum of the vectors; for a pair scorer, of s + s_g on the nearest pairs, with that of its vectors beside it."""
    relevant = pairs.relevance()
    if not isinstance(network, PairMatcher):
        sims = embed_all_images(network, pairs.images) @ embed_all_texts(network, pairs.texts).T
        metrics = seven_metrics(sims.numpy(), relevant)
        return {name: metrics[name] for name in ("rsum", "i2t_r1", "t2i_r1")}
    images, texts = all_sides(network, pairs.images, pairs.texts)
    vectors = network.embedded_images(images.overall, pairs.images), network.embedded_texts(texts.overall, pairs.texts)
    sims = vectors[0] @ vectors[1].T
    near = near_pairs(sims, EPOCH_PAIRS)
    # Behind the pairs that were scored, in the order of the vectors.
    scores = sims - 4.0
    scores[near] = pair_scores(network, images, texts, near) + sims[near]
    fused = seven_metrics(scores.numpy(), relevant)
    first = seven_metrics(sims.numpy(), relevant)["rsum"]
    return {"rsum": fused["rsum"], "vectors_rsum": first, "i2t_r1": fused["i2t_r1"], "t2i_r1": fused["t2i_r1"]}


def train(training: Training, out: Path, *, resume: bool) -> Path:
    """Run a training and leave its checkpoint in `out`."""
    config, network, facts = training.config, training.network, training.facts()
    if resume:
        check_resumable(out, config, facts)
    words = training.reader.words[len(SPECIAL) :] if isinstance(training.reader, Vocabulary) else ()
    initialise(network, training.train, config, words)
    save_description(out, config, training.reader, facts)
    stage, alarm = config.stage, CollapseAlarm(config.objective.margin)

    def batches(epoch: int) -> list[BatchRows]:
        generator = np.random.default_rng((stage.seed, epoch))
        return epoch_batches(training.train.owner, stage.batch_images, stage.sentences_per_image, generator)

    steps_per_epoch = len(batches(0))
    best = fit(
        network,
        Schedule.of(stage),
        out,
        batches=batches,
        step=lambda batch, number: training_step(
            network, training.train, training.reader, batch, hardest(config, number, steps_per_epoch), alarm
        ),
        evaluate=lambda: validate(network, training.val),
        select="rsum",
        resume=resume,
        title=config.network.architecture,
        evaluate_first=True,
        rate_shares={"text.encoder.": ENCODER_RATE, "skip.": stage.skip_rate},
    )
    with torch.inference_mode():
        images = embed_all_images(network, training.train.images)
        texts = embed_all_texts(network, training.train.texts)
    save_file({"images": images.contiguous(), "texts": texts.contiguous()}, out / BANK_FILE)
    facts |= {"validation": best.metrics, "cpu_minutes": round(best.cpu_s / 60, 2), "collapsed": alarm.raised}
    save_description(out, config, training.reader, facts)
    return out


def arguments_of_data(parser: argparse.ArgumentParser) -> None:
    """The options that say which pairs and features to read."""
    parser.add_argument("--pairs", type=Path, required=True, help="folder with captions.parquet and images/")
    parser.add_argument("--extra-pairs", type=Path, nargs="*", default=[], help="folders whose images only train")
    parser.add_argument(
        "--features", type=Path, nargs="+", required=True, help="stores of python -m model.vision.extract"
    )
    parser.add_argument("--feature-space", help="which of the stores'; needed where they hold several")
    parser.add_argument("--test-images", type=int, default=TEST_IMAGES, help="drawn off a table without a test part")


def captions_of(arguments: argparse.Namespace) -> Captions:
    """The pairs that the options name; images of extra folders all train."""
    extra = [read_captions(folder) for folder in arguments.extra_pairs]
    training = [replace(one, parts=("train",) * len(one)) for one in extra]
    return joined([read_captions(arguments.pairs, arguments.test_images), *training])


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m model.image_text.train", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="TOML file, e.g. model/image_text/hire.toml")
    arguments_of_data(parser)
    parser.add_argument("--cache", type=Path, help="where states of frozen text encoders are kept between trainings")
    parser.add_argument("--seed", type=int, help="instead of the configuration's")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--resume", action="store_true", help="go on from the last finished epoch")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        config = load_config(arguments.config)
        if arguments.seed is not None:
            config = replace(config, stage=replace(config.stage, seed=arguments.seed))
        features = Features(arguments.features, arguments.feature_space)
        training = prepare(config, captions_of(arguments), features, arguments.cache)
        folder = train(training, arguments.out, resume=arguments.resume)
    except (ValueError, OSError) as error:
        logger.error("%s", error)
        return 2
    logger.info("checkpoint: %s", folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
