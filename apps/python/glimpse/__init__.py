"""Captions photos: Show, Attend and Tell (Xu et al. 2015) on ONNX Runtime, in Rust.

    import glimpse

    captioner = glimpse.Captioner.from_pretrained()
    print(captioner("photo.jpg")[0]["generated_text"])

``Captioner`` captions photos, ``evaluate`` scores captions, ``python -m glimpse`` is the command-line program, and
``glimpse.ray`` captions a Ray data set. Nothing is downloaded and nothing is reported: the model is in the wheel.
"""

from glimpse._captioner import Caption, Captioner
from glimpse._errors import PhotoError
from glimpse._evaluate import evaluate
from glimpse._glimpse import __version__

__all__ = ["Caption", "Captioner", "PhotoError", "__version__", "evaluate"]
