"""The snippets of docs/scale.md for Daft and Spark: `make test-engines`."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from conftest import PROJECT

ds = pytest.importorskip("pyarrow.dataset")


@pytest.mark.engines
@pytest.mark.parametrize("module", ["daft", "pyspark"])
def test_a_snippet_captions_a_folder(module, captioner, photos, tmp_path):
    page = (PROJECT / "docs/scale.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (snippet,) = [block for block in blocks if re.search(rf"^(import|from) {module}\b", block, re.MULTILINE)]
    folder = tmp_path / "photos"
    folder.mkdir()
    for photo in photos:
        shutil.copy(photo, folder)
    (folder / "broken.jpg").write_text("not a picture")
    # Nothing is reported, and Spark's workers are this interpreter.
    environment = {**os.environ, "DO_NOT_TRACK": "true", "PYSPARK_PYTHON": sys.executable}
    done = subprocess.run(
        [sys.executable, "-c", snippet], capture_output=True, text=True, cwd=tmp_path, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]

    rows = ds.dataset(tmp_path / "captions.parquet", format="parquet").to_table().to_pylist()
    found = {row["path"].rpartition("/")[2]: (row["generated_text"], row["error"]) for row in rows}
    assert len(rows) == len(found) == len(photos) + 1
    text, error = found.pop("broken.jpg")
    assert text is None
    assert "not a picture" in error
    answers = captioner(photos, num_beams=5)
    words = [captions[0]["generated_text"] for captions in answers]
    assert found == dict(zip([photo.name for photo in photos], [(text, None) for text in words], strict=True))
