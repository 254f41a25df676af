"""Scores the same captions with pycocoevalcap and with glimpse-metrics, and prints the time of each.

    cargo build --release -p glimpse-metrics --example score
    python metrics/scripts/compare_speed.py --flickr8k ../shared/data/flickr8k --score target/release/examples/score

needs pycocoevalcap and a `java` on the path. 1,000 test images of Flickr8k: the hypothesis of each is its first
caption, the references are all five. Both sides tokenise and score BLEU, ROUGE-L and CIDEr; reading the files and
starting the programs is not counted, except for the Java of pycocoevalcap's tokenizer, which every call of it starts.
To give each side one core, run under `taskset -c 0`.
"""

import argparse
import contextlib
import io
import json
import pathlib
import subprocess
import tempfile
import time

from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer


def read_flickr8k(folder):
    captions = {}
    for line in (folder / "Flickr8k.token.txt").read_text(encoding="utf-8").splitlines():
        key, caption = line.split("\t")
        captions.setdefault(key.split("#")[0], []).append(caption)
    test = sorted((folder / "Flickr_8k.testImages.txt").read_text().split())
    return {image: captions[image][0] for image in test}, {image: captions[image] for image in test}


def score_with_pycocoevalcap(hypotheses, references):
    start = time.perf_counter()
    references = PTBTokenizer().tokenize({i: [{"caption": c} for c in cs] for i, cs in references.items()})
    hypotheses = PTBTokenizer().tokenize({i: [{"caption": c}] for i, c in hypotheses.items()})
    tokenised = time.perf_counter()
    scores = {}
    with contextlib.redirect_stdout(io.StringIO()):
        bleu, _ = Bleu(4).compute_score(references, hypotheses)
        scores.update({f"Bleu_{n + 1}": value for n, value in enumerate(bleu)})
        scores["ROUGE_L"], _ = Rouge().compute_score(references, hypotheses)
        scores["CIDEr"], _ = Cider().compute_score(references, hypotheses)
    end = time.perf_counter()
    return scores, {"tokenising": tokenised - start, "scoring": end - tokenised, "seconds": end - start}


def score_with_glimpse(program, hypotheses, references):
    with tempfile.TemporaryDirectory() as folder:
        results = pathlib.Path(folder, "results.json")
        results.write_text(json.dumps([{"image_id": i, "caption": c} for i, c in hypotheses.items()]))
        truth = pathlib.Path(folder, "references.json")
        truth.write_text(json.dumps(references))
        answer = json.loads(subprocess.run([program, results, truth], check=True, capture_output=True).stdout)
    return answer["scores"], {"seconds": answer["seconds"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flickr8k", type=pathlib.Path, required=True, help="folder with Flickr8k.token.txt")
    parser.add_argument("--score", type=pathlib.Path, required=True, help="the example program `score`")
    parser.add_argument("--repeat", type=int, default=3, help="number of runs; the fastest one counts")
    arguments = parser.parse_args()

    hypotheses, references = read_flickr8k(arguments.flickr8k)
    theirs, ours = [], []
    for _ in range(arguments.repeat):
        expected, timing = score_with_pycocoevalcap(hypotheses, references)
        theirs.append(timing)
        scores, timing = score_with_glimpse(arguments.score.resolve(), hypotheses, references)
        ours.append(timing)
    difference = max(abs(scores[name] - float(value)) for name, value in expected.items())
    theirs, ours = (min(timings, key=lambda t: t["seconds"]) for timings in (theirs, ours))
    print(f"pycocoevalcap    {theirs['seconds']:8.3f} s  (tokenising {theirs['tokenising']:.3f}, scoring {theirs['scoring']:.3f})")
    print(f"glimpse-metrics  {ours['seconds']:8.3f} s  ({theirs['seconds'] / ours['seconds']:.0f} times as fast)")
    print(f"largest difference of a score: {difference:.1e}")


if __name__ == "__main__":
    main()
