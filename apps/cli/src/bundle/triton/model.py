"""Triton's Python backend: picture files to words. Needs `pip install glimpse-captioner` in Triton's Python."""

import json
from pathlib import Path

import glimpse
import numpy as np
import triton_python_backend_utils as pb_utils

# Photos that run through the network together, while the next ones are decoded.
BATCH_SIZE = 8


class TritonPythonModel:
    """What the backend calls."""

    def initialize(self, args):
        """Opens the bundle beside this file. Raises where it, the package or the device is not there."""
        config = json.loads(args["model_config"])
        on_gpu = args["model_instance_kind"] == "GPU"
        self._captioner = glimpse.Captioner.from_pretrained(
            Path(__file__).with_name("bundle"),
            device=f"cuda:{args['model_instance_device_id']}" if on_gpu else "cpu",
            precision=config["parameters"]["precision"]["string_value"],
        )

    def execute(self, requests):
        """A response for each request, in order. Photos whose options are the same run together."""
        together = {}
        for place, request in enumerate(requests):
            together.setdefault(request.parameters(), []).append(place)
        responses = [None] * len(requests)
        for options, places in together.items():
            photos = [photos_of(requests[place]) for place in places]
            try:
                answers = self._answers(photos, json.loads(options or "{}"))
            except (TypeError, ValueError) as error:
                # An option that is unknown or refused.
                answers = [refusal(str(error))] * len(places)
            for place, answer in zip(places, answers):
                responses[place] = answer
        return responses

    def _answers(self, requests, options):
        """The responses to requests, each a list of picture files, with the same options."""
        captions = self._captioner.generation_config(**options).get("num_return_sequences", 1)
        flat = [photo for photos in requests for photo in photos]
        found = self._captioner.stream(flat, batch_size=BATCH_SIZE, errors="return", **options)
        return [response([next(found) for _ in photos], captions) for photos in requests]


def photos_of(request):
    """The picture files of a request, as bytes."""
    return pb_utils.get_input_tensor_by_name(request, "image").as_numpy().reshape(-1).tolist()


def response(answers, captions):
    """The answers to the photos of one request. It fails where all of them failed."""
    texts = np.full((len(answers), captions), b"", dtype=object)
    scores = np.full((len(answers), captions), -np.inf, dtype=np.float32)
    errors = np.full((len(answers), 1), b"", dtype=object)
    for row, answer in enumerate(answers):
        if isinstance(answer, glimpse.PhotoError):
            errors[row] = answer.reason.encode()
            continue
        for column, caption in enumerate(answer):
            texts[row, column] = caption["generated_text"].encode()
            scores[row, column] = caption["score"]
    if errors.all():
        return refusal("; ".join(dict.fromkeys(error.decode() for error in errors[:, 0])))
    tensors = {"generated_text": texts, "score": scores, "error": errors}
    return pb_utils.InferenceResponse([pb_utils.Tensor(name, values) for name, values in tensors.items()])


def refusal(reason):
    """A response with status 400 over HTTP."""
    error = pb_utils.TritonError(reason, pb_utils.TritonError.INVALID_ARG)
    return pb_utils.InferenceResponse(output_tensors=[], error=error)
