"""Trained language model: the checkpoints and the perplexities of one training."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isorep.paper.models.awd_lstm import AWDLSTM
from isorep.paper.models.weights import Weights, set_weights
from isorep.paper.training.language_recipe import LanguageModel
from isorep.paper.training.training_folder import (
    Description,
    Progress,
    TrainingFolder,
    read_checkpoint,
    read_description,
    read_progress,
)


@dataclass(frozen=True, eq=False)
class TrainedLanguageModel:
    """A language model at several epochs, and its perplexity at every epoch.

    Attributes
    ----------
    recipe : LanguageModel
        Model and training.
    seed : int
        Random seed of the weights, the dropout masks and the window lengths.
    words : int
        Size of the vocabulary.
    corpus, corpus_digest, note : str
        Name, digest and note of the training text; see `isorep.paper.data.text.Corpus`.
    checkpoints : dict of epoch to (dict of name to array)
        The weights at the epochs that the recipe names; 0 is before training.
    train_perplexity, valid_perplexity : (len(recipe.evaluated),) arrays
        Perplexity at each epoch of `recipe.evaluated`, in evaluation mode, on the beginning of the
        training text (as long as the evaluation text) and on the evaluation text.
    averaged_from : int or None
        First epoch at whose end the model is an average of iterates (NT-ASGD).
    """

    recipe: LanguageModel
    seed: int
    words: int
    corpus: str
    corpus_digest: str
    note: str
    checkpoints: Mapping[float, Weights]
    train_perplexity: NDArray[np.float64]
    valid_perplexity: NDArray[np.float64]
    averaged_from: int | None = None

    @classmethod
    def from_parts(
        cls, description: Description, checkpoints: Mapping[float, Weights], progress: Progress
    ) -> TrainedLanguageModel:
        """Make the model from what a training keeps."""
        return cls(
            **vars(description),
            checkpoints=checkpoints,
            train_perplexity=np.array(progress.train_perplexity),
            valid_perplexity=np.array(progress.valid_perplexity),
            averaged_from=progress.averaged_from,
        )

    def at(self, epoch: float) -> AWDLSTM:
        """Return the model at a checkpoint, in evaluation mode."""
        if epoch not in self.checkpoints:
            raise ValueError(
                f"there is no checkpoint of epoch {epoch}; expected one of {[*self.checkpoints]}"
            )
        model = self.recipe.build(self.words, self.seed)
        set_weights(model, self.checkpoints[epoch])
        return model.eval()

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Save to a folder that `load` reads; each file is written whole or not at all."""
        description = Description(
            self.recipe, self.seed, self.words, self.corpus, self.corpus_digest, self.note
        )
        training = TrainingFolder(Path(folder), description)
        for epoch, weights in self.checkpoints.items():
            training.write_checkpoint(epoch, weights)
        progress = Progress(
            self.recipe.epochs,
            list(self.train_perplexity),
            list(self.valid_perplexity),
            self.averaged_from,
        )
        training.write_progress(progress, {})


def load(folder: str | os.PathLike[str]) -> TrainedLanguageModel:
    """Read what `TrainedLanguageModel.save` wrote, or the folder of a finished training.

    Raises
    ------
    FileNotFoundError
        If the folder holds no language model.
    ValueError
        If the training is not finished, or the files are damaged.
    """
    path = Path(folder)
    description = read_description(path)
    recipe = description.recipe
    progress, _ = read_progress(path)
    if progress.epoch < recipe.epochs:
        raise ValueError(
            f"the training in {str(path)!r} stopped after {progress.epoch} of {recipe.epochs} "
            "epochs. Resume it with train_language_model"
        )
    checkpoints = {epoch: read_checkpoint(path, epoch) for epoch in recipe.checkpoints}
    return TrainedLanguageModel.from_parts(description, checkpoints, progress)
