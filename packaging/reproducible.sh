#!/usr/bin/env bash
# Builds a release a second time, from a copy of the same commit in another folder and with nothing built yet, and compares
# the two files.
#   packaging/reproducible.sh ARCHITECTURE OUTPUT    OUTPUT holds the first build, by `make dist`
set -euo pipefail
architecture=${1:?usage: reproducible.sh ARCHITECTURE OUTPUT}
output=$(realpath "${2:?usage: reproducible.sh ARCHITECTURE OUTPUT}")
cd "$(dirname "$0")/.."
if [ -n "$(git status --porcelain)" ]; then
  echo "note: files that are not committed are in the first build and not in the second" >&2
fi

copy=$(mktemp -d)/glimpse-again
trap 'rm -rf "$(dirname "$copy")"' EXIT
git clone --quiet --no-hardlinks . "$copy"
ln -s "$PWD/.deps" "$copy/.deps"
env -u CARGO_TARGET_DIR "$copy/packaging/dist.sh" "$architecture" "$copy/dist"

for again in "$copy"/dist/*.tar.xz; do
  name=${again##*/}
  (cd "$output" && sha256sum "$name")
  (cd "$copy/dist" && sha256sum "$name")
  if ! cmp "$output/$name" "$again"; then
    echo "$name differs" >&2
    exit 1
  fi
  echo "==> $name: two builds, one hash"
done
