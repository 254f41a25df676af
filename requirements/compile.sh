#!/usr/bin/env bash
# Writes NAME.txt from each NAME.in: the same versions, with the hashes of their files, and for bench and gpu with all
# that they need. `make requirements` runs it after a change of a version.
set -euo pipefail
cd "$(dirname "$0")"

for file in *.in; do
  case $file in
    gpu.in) options=(--python-platform x86_64-unknown-linux-gnu --python-version 3.12) ;;
    bench.in) options=(--universal --python-version 3.10) ;;
    wheel.in | engines.in | triton.in) options=(--universal --python-version 3.11 --no-deps) ;;
    tests.in) options=(--universal --python-version 3.10 --no-deps) ;;
    *) options=(--universal --python-version 3.12 --no-deps) ;;
  esac
  echo "$file"
  uv pip compile --quiet --generate-hashes --no-annotate --upgrade \
    --custom-compile-command "make requirements" "${options[@]}" "$file" --output-file "${file%.in}.txt"
done
