#!/usr/bin/env bash
# Runs the releases as other machines would and compares their captions of assets/photos with those of this machine: an old
# Debian with nothing installed, two ARM boards and an x86-64 without AVX, the last three emulated by QEMU, and the Python wheel
# for ARM, where there is one. Prints a table.
#   packaging/other-machines.sh FOLDER    FOLDER holds the releases, by `make dist`
# MACHINES names some of "nehalem debian cortex-a53 cortex-a72 wheel"; the emulated ones take minutes each.
# Linux on x86-64 with apt, which fetches QEMU and debootstrap where they are not installed. The old Debian needs root.
set -euo pipefail
output=$(realpath "${1:?usage: other-machines.sh FOLDER}")
cd "$(dirname "$0")/.."
photos=$PWD/assets/photos
python=${PYTHON:-python3}
machines=" ${MACHINES:-debian nehalem cortex-a53 cortex-a72 wheel} "
suite=${SUITE:-bullseye}
mirror=${MIRROR:-http://deb.debian.org/debian}
cache=$PWD/.cache/machines
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$cache/tools"

if [ "$(uname -sm)" != "Linux x86_64" ] || ! command -v apt-get >/dev/null; then
  echo "Other machines are emulated on Linux on x86-64 with apt." >&2
  exit 1
fi
# A program of a Debian package, unpacked into the cache where the package is not installed.
tool() {
  local package=$1 program=$2 found
  found=$(command -v "$program" || ls "$cache/tools"/usr/{bin,sbin}/"$program" 2>/dev/null || true)
  if [ -z "$found" ]; then
    (cd "$cache" && apt-get -qq download "$package" 2>/dev/null && dpkg-deb -x "$package"_*.deb tools && rm "$package"_*.deb) >&2
    found=$(ls "$cache/tools"/usr/{bin,sbin}/"$program" 2>/dev/null || true)
  fi
  echo "$found"
}

# Debian's smallest system for $1 (amd64 or arm64): unpacked alone for arm64, which is enough for its libraries.
system() {
  local root=$cache/$suite-$1 debootstrap flags=()
  if [ ! -e "$root/.complete" ]; then
    debootstrap=$(tool debootstrap debootstrap)
    [ "$1" = amd64 ] || flags=(--foreign)
    rm -rf "$root"
    DEBOOTSTRAP_DIR=$(dirname "$(dirname "$debootstrap")")/share/debootstrap \
      "$debootstrap" "${flags[@]}" --variant=minbase --arch="$1" "$suite" "$root" "$mirror" > "$cache/debootstrap-$1.log"
    touch "$root/.complete"
  fi
  echo "$root"
}

# Python for arm64 as Debian bookworm has it, in a folder, and the wheel $1 with what it needs.
python_for_arm() {
  local root=$cache/bookworm-python-arm64 debootstrap package
  if [ ! -e "$root/.complete" ]; then
    debootstrap=$(tool debootstrap debootstrap)
    rm -rf "$root"
    DEBOOTSTRAP_DIR=$(dirname "$(dirname "$debootstrap")")/share/debootstrap "$debootstrap" --foreign --variant=minbase \
      --include=python3,libstdc++6 --arch=arm64 bookworm "$root" "$mirror" > "$cache/debootstrap-python.log"
    for package in "$root"/var/cache/apt/archives/*.deb; do dpkg-deb -x "$package" "$root"; done
    touch "$root/.complete"
  fi
  mkdir -p "$work/python" && cp -a "$root/." "$work/python/"
  arm_files "$work/python" 0xd08
  "$python" -m pip install --quiet --target "$work/packages" --python-version 3.11 --only-binary=:all: \
    --platform manylinux_2_28_aarch64 --platform manylinux_2_27_aarch64 --platform manylinux2014_aarch64 "$1"
}

# The newest release for $1, with the f32 graphs.
unpack() {
  local archive
  mkdir -p "$work/$1"
  for archive in "$1-linux" model-f32; do
    archive=$(ls -t "$output"/glimpse-*-"$archive".tar.xz 2>/dev/null | head -1 || true)
    [ -n "$archive" ] || { echo "$output lacks a release: make dist" >&2; exit 1; }
    tar -xf "$archive" -C "$work/$1" --strip-components=1
  done
}

# An ARM machine as ONNX Runtime reads it: four cores of the named kind.
arm_files() {
  local root=$1 part=$2 core
  # debootstrap makes links to this machine's.
  for core in proc sys; do [ ! -L "$root/$core" ] || rm "$root/$core"; done
  mkdir -p "$root/proc" "$root/sys/devices/system/cpu"
  for core in 0 1 2 3; do
    printf 'processor\t: %s\nBogoMIPS\t: 38.40\nFeatures\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid\n' $core
    printf 'CPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: %s\nCPU revision\t: 4\n\n' "$part"
  done > "$root/proc/cpuinfo"
  for core in possible present online; do echo 0-3 > "$root/sys/devices/system/cpu/$core"; done
}

# A row for each search and precision: machine, then the command that captions there.
try() {
  local machine=$1 precision beams answers seconds
  shift
  for precision in fp32 int8; do
    for beams in 1 5; do
      answers=$work/answers.jsonl
      [ "$machine" != "$reference" ] || answers=$work/reference-$precision-$beams.jsonl
      seconds=$SECONDS
      "$@" caption --json --precision $precision --num-beams $beams --threads 2 "${pictures[@]}" \
        > "$answers" 2> "$work/errors" || true
      "$python" packaging/compare_answers.py "$machine" $precision $beams $((SECONDS - seconds)) "$answers" \
        "$work/reference-$precision-$beams.jsonl" "$work/errors" || failed=1
    done
  done
}

# Runs a command in a system, with /proc and /sys that only it sees.
in_system() {
  unshare --mount sh -c 'mount -t proc proc "$0/proc" && mount --bind /sys "$0/sys" && exec chroot "$0" /usr/bin/env -i "$@"' "$@"
}

unpack x86_64
reference="this machine"
pictures=("$photos"/*.jpg)
failed=0
echo "| machine | precision | beams | the same tokens | largest difference of a log-probability | seconds |"
echo "|---|---|---|---|---|---|"
export ORT_DISABLE_TELEMETRY=1
unset ORT_DYLIB_PATH
try "$reference" "$work/x86_64/glimpse"

if [[ $machines = *" nehalem "* ]]; then
  qemu=$(tool qemu-user-static qemu-x86_64-static)
  try "x86-64, QEMU Nehalem (no AVX)" "$qemu" -cpu Nehalem "$work/x86_64/glimpse"
fi

if [[ $machines != *" debian "* ]]; then
  :
elif [ "$(id -u)" = 0 ]; then
  root=$(system amd64)
  mkdir -p "$work/system" && cp -a "$root/." "$work/system/" && cp -r "$work/x86_64" "$photos" "$work/system/opt/"
  pictures=(/opt/photos/{beach,canyon,dog-in-woods,photographer,two-dogs}.jpg)
  try "Debian $suite, x86-64, nothing installed" in_system "$work/system" /opt/x86_64/glimpse
else
  echo "| Debian $suite, x86-64 | not tried: chroot needs root | | | | |"
fi

pictures=("$photos"/*.jpg)
if [[ $machines != *" cortex-"* ]]; then
  :
elif ls "$output"/glimpse-*-aarch64-linux.tar.xz >/dev/null 2>&1; then
  unpack aarch64
  mkdir -p "$work/arm" && cp -a "$(system arm64)/." "$work/arm/"
  qemu=$(tool qemu-user-static qemu-aarch64-static)
  for board in cortex-a53:0xd03 cortex-a72:0xd08; do
    [[ $machines = *" ${board%:*} "* ]] || continue
    arm_files "$work/arm" "${board#*:}"
    try "aarch64, QEMU ${board%:*}" "$qemu" -cpu "${board%:*}" -L "$work/arm" "$work/aarch64/glimpse"
  done
else
  echo "| aarch64 | not tried: no release in $output | | | | |"
fi

wheel=$(ls -t "$output"/glimpse_captioner-*_aarch64.whl 2>/dev/null | head -1 || true)
if [[ $machines != *" wheel "* ]]; then
  :
elif [ -n "$wheel" ]; then
  python_for_arm "$wheel"
  qemu=$(tool qemu-user-static qemu-aarch64-static)
  try "Python 3.11 wheel, aarch64, QEMU cortex-a72" "$qemu" -cpu cortex-a72 -L "$work/python" -E PYTHONHOME="$work/python/usr" \
    -E PYTHONPATH="$work/packages" "$work/python/usr/bin/python3.11" -m glimpse
else
  echo "| Python wheel, aarch64 | not tried: no wheel in $output | | | | |"
fi
exit $failed
