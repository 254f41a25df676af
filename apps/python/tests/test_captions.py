"""Captions from Python are the program's, whatever a photo comes as."""

import io
import itertools
import json
import os
import pickle
import subprocess

import numpy as np
import pytest
from PIL import Image

import glimpse


def by_program(program, photos, *flags):
    command = [*program, "caption", "--device", "cpu", "--json", *flags, *map(str, photos)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GLIMPSE_")}
    project = photos[0].parents[2]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=project, env=environment)
    return [json.loads(line)["captions"] for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("options", "flags"),
    [
        ({"num_beams": 1}, ["--num-beams", "1"]),
        ({}, []),
        ({"num_beams": 3, "num_return_sequences": 2}, ["--num-beams", "3", "--num-return-sequences", "2"]),
        ({"do_sample": True, "seed": 7, "top_p": 0.9}, ["--do-sample", "--seed", "7", "--top-p", "0.9"]),
    ],
)
def test_words_are_the_programs(captioner, program, photos, options, flags):
    expected = by_program(program, photos, *flags)
    found = captioner(photos, **options)
    assert len(found) == len(expected) == 5
    for ours, theirs in zip(found, expected, strict=True):
        assert [caption["token_ids"] for caption in ours] == [caption["token_ids"] for caption in theirs]
        assert [caption["generated_text"] for caption in ours] == [caption["generated_text"] for caption in theirs]
        for a, b in zip(ours, theirs, strict=True):
            assert a["score"] == pytest.approx(b["score"], abs=1e-4)
            assert a["token_logprobs"] == pytest.approx(b["token_logprobs"], abs=1e-4)


def test_the_line_that_the_page_shows_runs(program, photos, monkeypatch):
    line = (photos[0].parents[2] / "apps/page/tests/python-line.txt").read_text()
    photo = next(photo for photo in photos if photo.name == "photographer.jpg")
    monkeypatch.chdir(photo.parent)
    [shown] = eval(line)
    flags = ["--num-beams", "5", "--length-penalty", "1.25", "--no-repeat-ngram-size", "2"]
    [[expected]] = by_program(program, [photo], *flags)
    assert shown["generated_text"] == expected["generated_text"]


def test_one_photo_in_every_form(captioner, photos, tmp_path):
    photo = photos[0]
    expected = captioner(photo)[0]
    assert set(expected) == {"generated_text", "score", "token_ids", "token_logprobs", "attentions"}
    assert len(expected["token_ids"]) == len(expected["token_logprobs"])
    content = photo.read_bytes()
    with photo.open("rb") as file:
        forms = [str(photo), content, bytearray(content), memoryview(content), io.BytesIO(content), file]
        texts = [captioner(form)[0]["generated_text"] for form in forms]
    assert texts == [expected["generated_text"]] * len(forms)

    # Pixels, from one decoder for all of them.
    pixels = np.asarray(Image.open(photo).convert("RGB"))
    plain = tmp_path / "plain.png"
    Image.fromarray(pixels).save(plain)
    expected = captioner(plain)[0]
    rgba = np.dstack([pixels, np.full(pixels.shape[:2], 9, np.uint8)])
    for form in [pixels, rgba, pixels[:, ::-1][:, ::-1], Image.fromarray(pixels), Image.fromarray(rgba)]:
        caption = captioner(form)[0]
        assert caption["token_ids"] == expected["token_ids"]
        assert caption["score"] == pytest.approx(expected["score"], abs=1e-5)


def test_grey_arrays_and_images_are_read(captioner, photos):
    grey = Image.open(photos[0]).convert("L")
    array = np.asarray(grey)
    found = captioner([grey, array, array[:, :, None]])
    assert len({caption[0]["generated_text"] for caption in found}) == 1
    assert [caption[0]["score"] for caption in found] == pytest.approx([found[0][0]["score"]] * 3, abs=1e-5)


def test_pil_images_are_turned_upright(captioner, photos):
    pixels = Image.open(photos[0]).convert("RGB")
    turned = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels.rotate(90, expand=True).save(turned, "PNG", exif=exif)
    upright, from_pil, from_bytes = captioner([pixels, Image.open(turned), turned.getvalue()])
    assert from_pil[0]["token_ids"] == from_bytes[0]["token_ids"] == upright[0]["token_ids"]


def test_attentions_are_numpy_arrays(captioner, photos):
    caption = captioner(photos[0], output_attentions=True, num_beams=3)[0]
    attentions = caption["attentions"]
    rows, columns = captioner.grid
    assert attentions.dtype == np.float32
    assert attentions.shape == (len(caption["token_ids"]), rows * columns)
    np.testing.assert_allclose(attentions.sum(axis=1), 1, atol=1e-4)
    attentions[0, 0] = 0
    assert captioner(photos[0])[0]["attentions"] is None
    tokens = captioner.tokens(caption["token_ids"])
    assert tokens[-1] == "<eos>"
    assert len(tokens) == len(attentions)


def test_compare_gives_each_width(captioner, photos):
    widths = [1, 3, 5]
    many = captioner.compare(photos, num_beams=widths, num_return_sequences=3)
    for width in widths:
        captions = min(width, 3)
        alone = captioner(photos, num_beams=width, num_return_sequences=captions)
        for photo, expected in zip(many, alone, strict=True):
            assert [c["token_ids"] for c in photo[width]] == [c["token_ids"] for c in expected]
            assert len(photo[width]) == captions
    one = captioner.compare(photos[0], num_beams=[1])
    assert one[1][0]["generated_text"] == many[0][1][0]["generated_text"]


def test_streams_may_be_endless_and_read_only_ahead(captioner, photos):
    read = []

    def endless():
        for photo in itertools.cycle(photos):
            read.append(photo)
            yield photo

    stream = captioner.stream(endless(), num_beams=1, batch_size=2)
    assert read == []
    expected = [captions[0]["generated_text"] for captions in captioner(photos, num_beams=1)]
    found = [captions[0]["generated_text"] for captions in itertools.islice(stream, 12)]
    assert found == (expected * 3)[:12]
    assert len(read) < 12 + 8
    assert captioner([]) == []


def test_batches_give_the_same_words(captioner, photos):
    alone = captioner(photos, batch_size=1)
    assert [c[0]["token_ids"] for c in alone] == [c[0]["token_ids"] for c in captioner(photos, batch_size=5)]


def test_pickling_carries_the_arguments(captioner, photos):
    copy = pickle.loads(pickle.dumps(captioner))
    assert copy.model == captioner.model
    assert copy(photos[0])[0]["token_ids"] == captioner(photos[0])[0]["token_ids"]


def test_what_was_opened_is_told(captioner):
    assert captioner.device == "cpu"
    assert captioner.grid == (7, 7)
    assert (captioner.model / "SHA256SUMS").is_file()
    assert captioner.onnxruntime_version in repr(captioner)
    assert captioner.generation_config()["num_beams"] > 1
    assert captioner.generation_config(num_beams=2)["num_beams"] == 2
    assert glimpse.__version__ == "0.1.0"
