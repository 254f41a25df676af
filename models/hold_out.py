"""Sets photos of a caption file aside for validation.

    python3 models/hold_out.py coco-sample/captions.txt 200 --train coco-train.csv --held coco-held.csv

Reads the Kaggle layout (columns image and caption). The photos are drawn with a seed; all captions of a photo go to
the same file.
"""

import argparse
import csv
import random
from pathlib import Path


def write(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("image", "caption"))
        writer.writerows(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("captions", type=Path)
    parser.add_argument("photos", type=int, help="how many photos to set aside")
    parser.add_argument("--train", type=Path, required=True, help="file for the other photos")
    parser.add_argument("--held", type=Path, required=True, help="file for the photos set aside")
    parser.add_argument("--seed", type=int, default=20261128)
    args = parser.parse_args()

    with args.captions.open(newline="", encoding="utf-8") as file:
        rows = [(row["image"], row["caption"]) for row in csv.DictReader(file)]
    names = sorted({name for name, _ in rows})
    if not 0 < args.photos < len(names):
        parser.error(f"{args.captions} has {len(names)} photos; set fewer aside")
    random.Random(args.seed).shuffle(names)
    held = set(names[: args.photos])
    write(args.train, [row for row in rows if row[0] not in held])
    write(args.held, [row for row in rows if row[0] in held])


main()
