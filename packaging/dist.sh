#!/usr/bin/env bash
# Builds and packs the release of one architecture: `make dist` calls it for each.
#   packaging/dist.sh x86_64|aarch64 OUTPUT
# It needs cargo-zigbuild in .deps/zigbuild, zig in .deps/zig and ONNX Runtime in .deps/onnxruntime-ARCHITECTURE. The same
# commit and the same compiler give the same files, wherever the sources lie: packaging/reproducible.sh shows it.
set -euo pipefail
architecture=${1:?usage: dist.sh ARCHITECTURE OUTPUT}
output=$(realpath -m "${2:?usage: dist.sh ARCHITECTURE OUTPUT}")
cd "$(dirname "$0")/.."
sources=$PWD
cargo=${CARGO:-cargo}

version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
name=glimpse-$version-$architecture-linux
glibc=2.28
most_bytes=25000000
wheel=$sources/.deps/onnxruntime-$architecture
library=$(ls "$wheel"/onnxruntime/capi/libonnxruntime.so.*)
onnxruntime=${library##*.so.}
model=models/flickr8k-edge
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export LC_ALL=C TZ=UTC
umask 022

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

. packaging/compiler.sh

zigbuild() {
  PATH="$sources/.deps/zigbuild/bin:$PATH" CARGO_ZIGBUILD_ZIG_PATH="$sources/.deps/zig/ziglang/zig" \
    RUSTC="$rustc" RUSTC_WRAPPER="$sources/packaging/rustc-remapped" CARGO_TARGET_DIR="$target_folder" \
    "$cargo" zigbuild --locked --target "$target.$glibc" "$@"
}

# Fails where a file wants a newer glibc than is promised.
check_glibc() {
  local newest
  newest=$(readelf --wide --dyn-syms "$1" | grep -oE '@GLIBC_[0-9.]+' | cut -d_ -f2 | sort -V | tail -1)
  echo "    ${1##*/} needs glibc $newest"
  [ "$(printf '%s\n' "$newest" "$glibc" | sort -V | tail -1)" = "$glibc" ]
}

# The licences of what is in a release beside crates.
other_licences() {
  local licences=$1 sysroot documents
  sysroot=$("$rustc" --print sysroot)
  cp "$wheel/onnxruntime/LICENSE" "$licences/onnxruntime.txt"
  cp "$wheel/onnxruntime/ThirdPartyNotices.txt" "$licences/onnxruntime-third-parties.txt"
  cp models/backbones/LICENSE-APACHE-2.0 "$licences/efficientnet-lite0.txt"
  cp assets/photos/README.md "$licences/photos-in-glimpse-serve.md"
  # The linker adds an unwinder and arithmetic of LLVM's, and code of Zig's.
  cp .deps/zig/ziglang/LICENSE "$licences/zig.txt"
  cp .deps/zig/ziglang/lib/libunwind/LICENSE.TXT "$licences/llvm-libunwind.txt"
  for documents in share/doc/rust/COPYRIGHT-library.html share/doc/libstd-rust-web-dev/copyright; do
    [ ! -f "$sysroot/$documents" ] || cp "$sysroot/$documents" "$licences/rust-std.${documents##*[./]}"
  done
  ls "$licences"/rust-std.* >/dev/null || { echo "$sysroot has no licence of Rust's standard library" >&2; exit 1; }
}

# Packs $work/$1 into $output/$1.tar.xz: sorted, with one owner and one time. One thread, as the number of blocks depends on it.
pack() {
  mkdir -p "$output"
  tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX --mtime="@$SOURCE_DATE_EPOCH" \
    --format=gnu -cf "$work/$1.tar" "$1"
  xz --threads=1 "${filters[@]}" --stdout "$work/$1.tar" > "$work/$1.tar.xz"
  mv "$work/$1.tar.xz" "$output/$1.tar.xz"
  echo "==> $output/$1.tar.xz: $(stat -c %s "$output/$1.tar.xz") bytes"
}

echo "==> Building glimpse and glimpse-serve for $target with glibc $glibc"
zigbuild --release --package glimpse-cli
zigbuild --profile serve --package glimpse-server

echo "==> Packing $name"
release=$work/$name
mkdir -p "$release"/{lib,man,licences,"$model"}
cp "$target_folder/$target/release/glimpse" "$target_folder/$target/serve/glimpse-serve" "$release/"
cp "$library" "$release/lib/"
for file in "$release/glimpse" "$release/glimpse-serve" "$release"/lib/*; do check_glibc "$file"; done
cp LICENSE packaging/Dockerfile "$release/"
sed "s/@VERSION@/$version/; s/@ARCHITECTURE@/$architecture/" packaging/README.txt > "$release/README.txt"
# The f32 graphs, of 45 MB that hardly shrink, are a file of their own, which serves every architecture.
find "$model" -maxdepth 1 -type f ! -name '*_model.onnx' ! -name SHA256SUMS -exec cp {} "$release/$model/" \;
grep -v '_model\.onnx$' "$model/SHA256SUMS" > "$release/$model/SHA256SUMS"
other_licences "$release/licences"
"$cargo" run --quiet --locked --package glimpse-packaging -- --target "$target" --onnxruntime "$onnxruntime" \
  --rustc "$("$rustc" --version | cut -d' ' -f2)" --timestamp "$(date -d "@$SOURCE_DATE_EPOCH" +%FT%TZ)" --output "$release"
mv "$release/man1" "$release/man/"
# Without the model's own sums, which the programs check and the f32 graphs replace.
(cd "$release" && find . -type f ! -name SHA256SUMS -printf '%P\n' | sort | xargs sha256sum > "$work/sums" && mv "$work/sums" SHA256SUMS)
for source in $(sed -n 's/^COPY \(.*\) [^ ]*$/\1/p' "$release/Dockerfile"); do
  [ -e "$release/$source" ] || { echo "Dockerfile copies $source, which the release lacks" >&2; exit 1; }
done

# A filter for machine code makes x86-64's smaller; that for ARM needs xz 5.4 to unpack, which old systems lack.
filters=(--lzma2=preset=9e)
[ "$architecture" != x86_64 ] || filters=(--x86 "${filters[@]}")
pack "$name"
bytes=$(stat -c %s "$output/$name.tar.xz")
[ "$bytes" -lt "$most_bytes" ] || { echo "$name.tar.xz has $bytes bytes, more than $most_bytes" >&2; exit 1; }

f32=glimpse-$version-model-f32
mkdir -p "$work/$f32/$model"
cp "$model"/*_model.onnx "$model/SHA256SUMS" "$work/$f32/$model/"
filters=(--lzma2=preset=9)
pack "$f32"
(cd "$output" && sha256sum "glimpse-$version"-*.tar.xz > SHA256SUMS)
