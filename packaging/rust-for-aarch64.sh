#!/usr/bin/env bash
# Unpacks Debian's Rust compiler with the standard library for aarch64 into a folder, for machines whose own toolchain
# lacks it. Needs neither root nor rustup: Debian 12 or newer on x86-64. The compiler is FOLDER/rustc.
set -euo pipefail
folder=$(realpath -m "${1:?usage: rust-for-aarch64.sh FOLDER}")

if [ "$(uname -m)" != x86_64 ] || ! apt-cache show rustc-web >/dev/null 2>&1; then
  echo "This Rust has no standard library for aarch64: rustup target add aarch64-unknown-linux-gnu" >&2
  echo "(Debian 12 or newer on x86-64 has one in its packages rustc-web and libstd-rust-web-dev.)" >&2
  exit 1
fi
rm -rf "$folder" && mkdir -p "$folder"/apt/{lists,cache/archives}/partial "$folder/debs"

# Lists of its own: the machine's may lack the architecture, and only root could add it.
two_architectures() {
  apt-get -qq -o Dir::State::Lists="$folder/apt/lists" -o Dir::Cache="$folder/apt/cache" \
    -o APT::Architectures::=amd64 -o APT::Architectures::=arm64 -o APT::Sandbox::User="$(id -un)" "$@"
}
two_architectures update
depends() { apt-cache depends "$@" | grep -oE '(libstd-rust-web-[0-9.]+|libllvm[0-9]+)$' | sort -u; }
std=$(depends libstd-rust-web-dev | grep libstd)
llvm=$(depends "$std" | grep libllvm)
cd "$folder/debs"
two_architectures download rustc-web:amd64 "$std:amd64" "$llvm:amd64" libstd-rust-web-dev:{amd64,arm64}
for package in *.deb; do dpkg-deb --fsys-tarfile "$package" | tar -x -C "$folder"; done
cd "$folder"
rm -rf "$folder/apt" "$folder/debs"

cat > "$folder/rustc" <<'RUSTC'
#!/bin/sh
here=$(cd "$(dirname "$0")" && pwd)
export LD_LIBRARY_PATH="$here/usr/lib/x86_64-linux-gnu"
exec "$here/usr/bin/rustc" --sysroot "$here/usr" "$@"
RUSTC
chmod +x "$folder/rustc"
"$folder/rustc" --version
