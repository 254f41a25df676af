"""One row of other-machines.sh: captions of one machine beside those of the reference.

    compare_answers.py MACHINE PRECISION BEAMS SECONDS ANSWERS REFERENCE ERRORS

ANSWERS and REFERENCE are what `glimpse caption --json` printed. Exit code 1 where tokens differ or a log-probability by
more than 0.001 (f32) or 0.05 (int8, whose rounding differs between processors).
"""

import json
import pathlib
import sys

TOLERANCES = {"fp32": 1e-3, "int8": 5e-2}
PHOTOS = 5


def captions(path):
    """Photo to its captions, by the photo's name."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return {pathlib.Path(line["image"]).name: line["captions"] for line in lines if "captions" in line}


def main():
    machine, precision, beams, seconds, *files = sys.argv[1:]
    answers, reference, errors = map(pathlib.Path, files)
    found, expected = captions(answers), captions(reference)
    if len(found) != PHOTOS or found.keys() != expected.keys():
        lines = errors.read_text(errors="replace").strip().splitlines()
        reason = lines[0] if lines else "it ended without a word"
        print(f"| {machine} | {precision} | {beams} | no: {len(found)} of {PHOTOS} photos: {reason} | | {seconds} |", flush=True)
        sys.exit(1)
    same, largest = 0, 0.0
    for photo, wanted in expected.items():
        got = found[photo]
        same += [caption["token_ids"] for caption in got] == [caption["token_ids"] for caption in wanted]
        for one, other in zip(got, wanted):
            if one["token_ids"] == other["token_ids"]:
                pairs = zip(one["token_logprobs"], other["token_logprobs"])
                largest = max([largest, *(abs(a - b) for a, b in pairs)])
    print(f"| {machine} | {precision} | {beams} | {same} of {PHOTOS} | {largest:.1e} | {seconds} |", flush=True)
    sys.exit(same != PHOTOS or largest > TOLERANCES[precision])


if __name__ == "__main__":
    main()
