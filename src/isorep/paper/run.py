"""Run: the user's data, the device and the trained networks that figures use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from isorep._utils.optional import import_optional
from isorep.paper.data.image_data import ImageData
from isorep.paper.data.images import ImageSource
from isorep.paper.training.recipe import Wanted

if TYPE_CHECKING:
    from isorep.paper.models.classifier import Classifier
    from isorep.paper.training.networks import Trained


@dataclass(frozen=True, eq=False)
class Run:
    """The surroundings of a figure.

    Attributes
    ----------
    out : Path or None
        Folder of all figures; trained networks are stored in its sub-folder ``networks``. None
        stores no networks.
    data : Path or None
        Folder of data sets.
    device : str
        Device to compute on, such as "cpu" or "cuda".
    console : rich.console.Console
        Console for progress.
    """

    out: Path | None = None
    data: Path | None = None
    device: str = "cpu"
    console: Console = field(default_factory=lambda: Console(stderr=True))

    def images(self, source: ImageSource, seed: int) -> ImageData:
        """Read images."""
        return source.load(self.data, seed)

    def networks(self, wanted: Mapping[str, Wanted], data: ImageData) -> dict[str, Trained]:
        """Return trained image networks: stored ones are read, the others are trained."""
        import_optional("torch", "torch")
        from isorep.paper.training.networks import obtain

        return obtain(wanted, data, folder=self._networks, device=self.device, console=self.console)

    def capture(
        self,
        networks: Mapping[str, Classifier],
        images: Any,
        layers: Sequence[str] | None = None,
    ) -> dict[str, Any]:
        """Capture layers of image networks; each filter is averaged over its positions."""
        from isorep.paper.training.networks import capture_all

        return capture_all(
            networks, images, layers=layers, device=self.device, console=self.console
        )

    def folder(self, description: Mapping[str, Any]) -> Path | None:
        """Return the folder of a network, or None if networks are not stored.

        Parameters
        ----------
        description : dict
            Everything that determines the network, in JSON types.
        """
        from isorep.paper.training.networks import key

        return None if self._networks is None else self._networks / key(description)

    @property
    def _networks(self) -> Path | None:
        return None if self.out is None else self.out / "networks"
