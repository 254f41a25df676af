# The compiler for $architecture, and where it builds: the user's where it knows the target, else the one of
# rust-for-aarch64.sh. To be sourced in the project's folder.
target=$architecture-unknown-linux-gnu
rustc=${RUSTC:-rustc}
target_folder=${CARGO_TARGET_DIR:-$PWD/target}
if ! ls "$("$rustc" --print target-libdir --target "$target")"/libstd-*.rlib >/dev/null 2>&1; then
  if [ "$architecture" != aarch64 ]; then
    echo "This Rust has no standard library for $target: rustup target add $target" >&2
    exit 1
  fi
  rustc=$PWD/.deps/rust-aarch64/rustc
  [ -x "$rustc" ] || packaging/rust-for-aarch64.sh .deps/rust-aarch64
  target_folder=$target_folder/aarch64
fi
