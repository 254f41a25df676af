#!/usr/bin/env bash
# Builds the Python wheel of one architecture for glibc 2.28: `make wheel` calls it.
#   packaging/wheel.sh x86_64|aarch64 OUTPUT [FLAGS OF maturin build]
# It needs maturin in PATH and zig in .deps/zig.
set -euo pipefail
architecture=${1:?usage: wheel.sh ARCHITECTURE OUTPUT [FLAGS]}
output=$(realpath -m "${2:?usage: wheel.sh ARCHITECTURE OUTPUT [FLAGS]}")
shift 2
cd "$(dirname "$0")/.."
. packaging/compiler.sh

cd apps/python
PYTHONPATH="$OLDPWD/.deps/zig" RUSTC="$rustc" CARGO_TARGET_DIR="$target_folder" \
  maturin build --zig --target "$target" --compatibility manylinux_2_28 --out "$output" "$@"
