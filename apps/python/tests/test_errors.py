"""Bad input gets an exception that says what to do, and nothing else is lost."""

import io

import numpy as np
import pytest
from PIL import Image

import glimpse
from glimpse import PhotoError


def words(answers):
    return [[caption["token_ids"] for caption in captions] for captions in answers]


@pytest.mark.parametrize(
    ("options", "kind", "says"),
    [
        ({"num_beam": 3}, TypeError, "num_beam: unknown option; did you mean num_beams?"),
        ({"batchsize": 3}, TypeError, "batchsize: unknown option; did you mean batch_size?"),
        ({"frobnicate": 1}, TypeError, "frobnicate: unknown option"),
        ({"num_beams": "three"}, TypeError, 'num_beams: "three" is not a whole number'),
        ({"num_beams": 2.5}, TypeError, "num_beams: 2.5 is not a whole number"),
        ({"num_beams": object()}, TypeError, "no number, text, list or bool"),
        ({"bad_words_ids": [[5]]}, TypeError, "bad_words_ids: [[5]] would change captions"),
        ({"num_beams": 0}, ValueError, "num_beams: must be at least 1"),
        ({"num_return_sequences": 9}, ValueError, "ask for at least as many beams"),
        ({"temperature": 0.5}, ValueError, "temperature: changes how tokens are drawn"),
        ({"batch_size": 0}, ValueError, "batch_size is 0; give a number of photos from 1"),
        ({"batch_size": "8"}, TypeError, "batch_size is '8'; give a whole number"),
        ({"errors": "ignore"}, ValueError, 'give "raise" or "return"'),
    ],
)
def test_wrong_options(captioner, photos, options, kind, says):
    with pytest.raises(kind) as refused:
        captioner(photos[0], **options)
    assert says in str(refused.value)
    # At once, although nobody has asked the stream for an answer.
    with pytest.raises(kind):
        captioner.stream(photos, **options)


def test_options_may_be_numpys_and_none(captioner, photos):
    expected = captioner(photos[0], num_beams=2, length_penalty=0.5)
    found = captioner(photos[0], num_beams=np.int64(2), length_penalty=np.float64(0.5), top_k=None)
    assert found == expected


def closed_file(path):
    file = path.open("rb")
    file.close()
    return file


def closed_picture(path):
    picture = Image.open(path)
    picture.close()
    return picture


BAD = [
    (lambda photos, tmp: None, TypeError, "None is not a photo; give a path, the bytes of a picture file"),
    (lambda photos, tmp: 7, TypeError, "an int is not a photo"),
    (lambda photos, tmp: photos[0].parent / "absent.jpg", PhotoError, "No such file"),
    (lambda photos, tmp: photos[0].parent, PhotoError, "a folder; give its pictures"),
    (lambda photos, tmp: b"", PhotoError, "the file is empty"),
    (lambda photos, tmp: b"plain text", PhotoError, "not a picture: its first bytes are not those"),
    (lambda photos, tmp: photos[0].read_bytes()[:2000], PhotoError, "cut"),
    (lambda photos, tmp: closed_file(photos[0]), PhotoError, "the file is closed; open it again"),
    (lambda photos, tmp: closed_picture(photos[0]), PhotoError, "open its file again"),
    (lambda photos, tmp: io.StringIO("text"), TypeError, 'open it with mode "rb"'),
    (lambda photos, tmp: np.zeros((9, 9, 3), np.float32), TypeError, "(array * 255).round().astype('uint8')"),
    (lambda photos, tmp: np.full((9, 9, 3), 300.0), TypeError, "an array of float64 is not read"),
    (lambda photos, tmp: np.zeros((9, 9, 3), np.int64), TypeError, "give uint8 from 0 to 255"),
    (lambda photos, tmp: np.zeros((3, 9, 9), np.uint8), PhotoError, "array.transpose(1, 2, 0)"),
    (lambda photos, tmp: np.zeros((2, 9, 9, 3), np.uint8), PhotoError, "list(array) for several photos"),
    (lambda photos, tmp: np.zeros((0, 9, 3), np.uint8), PhotoError, "has no pixels"),
    (lambda photos, tmp: np.zeros((3, 3, 3), np.uint8), PhotoError, "3x3"),
    (lambda photos, tmp: Image.new("F", (9, 9)), PhotoError, "mode F has no 8-bit colours"),
]


@pytest.mark.parametrize(("make", "kind", "says"), BAD)
def test_bad_photos(captioner, photos, tmp_path, make, kind, says):
    bad = make(photos, tmp_path)
    with pytest.raises(kind) as refused:
        captioner(bad)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)

    # Among others it alone fails.
    good = captioner([photos[1], photos[2]], num_beams=1)
    first, error, last = captioner([photos[1], bad, photos[2]], errors="return", num_beams=1)
    assert isinstance(error, PhotoError)
    assert error.index == 1
    assert says in error.reason
    assert words([first, last]) == words(good)
    with pytest.raises(PhotoError) as refused:
        captioner([photos[1], bad, photos[2]], num_beams=1)
    assert refused.value.index == 1
    assert words(refused.value.results) == words(good[:1])


def test_a_text_file_is_named(captioner, tmp_path):
    notes = tmp_path / "notes.txt"
    notes.write_text("not a picture")
    with pytest.raises(PhotoError) as refused:
        captioner([notes])
    assert str(refused.value).startswith(f"photo 0 ({notes}): not a picture: its first bytes are not those")


def test_an_exception_of_the_iterator_follows_the_answers_before_it(captioner, photos):
    def failing():
        yield from photos[:3]
        raise LookupError("the shelf is empty")

    answers = []
    with pytest.raises(LookupError, match="the shelf is empty"):
        answers.extend(captioner.stream(failing(), num_beams=1, batch_size=2))
    assert words(answers) == words(captioner(photos[:3], num_beams=1))


def test_a_stream_that_asks_itself_is_told(captioner, photos):
    def own():
        yield photos[0]
        yield next(stream)

    stream = captioner.stream(own())
    with pytest.raises(ValueError, match=r"being read already|already executing"):
        list(stream)


def test_stream_wants_several(captioner, photos):
    with pytest.raises(TypeError, match="call the captioner for a single one"):
        captioner.stream(photos[0])


def test_a_damaged_photo_is_captioned_with_a_warning(captioner, photos):
    content = photos[0].read_bytes()
    # The last part of its scan is gone, its end is there.
    damaged = content[: len(content) * 2 // 3] + content[-2:]
    with pytest.warns(UserWarning, match=r"photo 0 \(bytes\)"):
        captioner(damaged)


def test_bundles_that_cannot_be_opened(tmp_path):
    with pytest.raises(FileNotFoundError, match="give the folder of a bundle"):
        glimpse.Captioner.from_pretrained(tmp_path / "absent")
    with pytest.raises(ValueError, match="SHA256SUMS is missing"):
        glimpse.Captioner.from_pretrained(tmp_path)
    with pytest.raises(ValueError, match="int4"):
        glimpse.Captioner.from_pretrained(precision="int4")
    with pytest.raises(ValueError, match="use auto, cpu, cuda"):
        glimpse.Captioner.from_pretrained(device="gpu")
    with pytest.raises(ValueError, match="give 1 or more"):
        glimpse.Captioner.from_pretrained(threads=0)


def test_widths_must_differ(captioner, photos):
    for widths in ([], [3, 3]):
        with pytest.raises(ValueError, match="give different numbers of beams"):
            captioner.compare(photos, num_beams=widths)
    with pytest.raises(ValueError, match="num_beams"):
        captioner.compare(photos, num_beams=[0])
