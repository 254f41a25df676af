#!/usr/bin/env bash
# Builds both images of the Dockerfile from a release and captions assets/photos in them, by the program and over HTTP, with
# the settings that the images have. Prints a line each.
#   packaging/container.sh FOLDER    FOLDER holds the releases, by `make dist`
# Root on Debian on x86-64; apt fetches buildah where it is not installed. No daemon and no registry: the base image is put
# together from the packages of Debian 12 that gcr.io/distroless/cc-debian12 is made of. BASE=pull takes that one itself.
set -euo pipefail
output=$(realpath "${1:?usage: container.sh FOLDER}")
cd "$(dirname "$0")/.."
photos=$PWD/assets/photos
python=${PYTHON:-python3}
base=gcr.io/distroless/cc-debian12:nonroot
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "The images are built by root on Debian; elsewhere: docker build, as the Dockerfile says." >&2
  exit 1
fi
command -v buildah >/dev/null || apt-get install -qq -y --no-install-recommends buildah >/dev/null
work=$(mktemp -d)
server=
stop() {
  # buildah ends after the server, and writes to the end.
  if [ -n "$server" ]; then
    kill -- "-$server" 2>/dev/null || true
    while kill -0 -- "-$server" 2>/dev/null; do sleep 0.1; done
  fi
  rm -rf "$work"
}
trap stop EXIT
images() { buildah --storage-driver vfs --root "$work/images" --runroot "$work/run" "$@"; }
build() { images bud --quiet --isolation chroot "$@" >/dev/null; }

# glibc, libgcc and libstdc++, time zones, and the user 65532.
make_base() {
  local root=$work/base/root
  mkdir -p "$work/packages" "$root/home/nonroot" "$root/tmp"
  (cd "$work/packages" && apt-get -qq download -t bookworm \
    base-files netbase tzdata media-types libc6 libssl3 libgomp1 libgcc-s1 gcc-12-base libstdc++6 2> "$work/log") || {
    cat "$work/log" >&2
    echo "apt does not give the packages of Debian 12 (bookworm), of which the base image is made." >&2
    exit 1
  }
  for package in "$work"/packages/*.deb; do dpkg-deb -x "$package" "$root"; done
  chmod 1777 "$root/tmp"
  echo nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin > "$root/etc/passwd"
  echo nonroot:x:65532: > "$root/etc/group"
  printf 'FROM scratch\nCOPY root /\nUSER 65532\nWORKDIR /home/nonroot\n' > "$work/base/Dockerfile"
  build -t "$base" "$work/base"
}

# Runs the image $1 with the arguments, which follow its entry point, and assets/photos at /photos.
run() {
  local image=$1 container entry
  shift
  container=$(images from --pull-never "localhost/$image")
  entry=$(images inspect --type image --format '{{index .OCIv1.Config.Entrypoint 0}}' "localhost/$image")
  images run --isolation chroot -v "$photos:/photos:ro" -e GLIMPSE_TOKEN=SECRET "$container" -- "$entry" "$@"
}

release=$work/release
archive=$(ls -t "$output"/glimpse-*-x86_64-linux.tar.xz 2>/dev/null | head -1 || true)
[ -n "$archive" ] || { echo "$output lacks a release: make dist" >&2; exit 1; }
mkdir "$release" && tar -xf "$archive" -C "$release" --strip-components=1
if [ "${BASE:-}" = pull ]; then
  pull=()
else
  make_base
  pull=(--pull-never)
fi
for target in caption serve; do build "${pull[@]}" --target $target -t glimpse-$target "$release"; done

# In a folder without a model, so that the release's is taken.
outside() { (cd "$work" && "$release/glimpse" caption "$@"); }
for beams in 1 5; do
  outside --num-beams $beams "$photos" | sed 's|.*/||' > "$work/expected"
  run glimpse-caption caption --num-beams $beams /photos | sed 's|.*/||' > "$work/found"
  diff "$work/expected" "$work/found"
  echo "glimpse caption, num_beams $beams: $(grep -c '\.jpg$' "$work/found") captions as outside the image"
done

set -m
run glimpse-serve --port 8089 2> "$work/log" >&2 & server=$!
set +m
address=http://127.0.0.1:8089
for _ in $(seq 60); do curl -sf $address/health/ready >/dev/null && break || sleep 1; done
found=$(curl -sSf -H 'Authorization: Bearer SECRET' --data-binary @"$photos/beach.jpg" $address/v1/captions \
  | "$python" -c 'import json, sys; print(json.load(sys.stdin)["results"][0]["captions"][0]["generated_text"])') || { cat "$work/log" >&2; exit 1; }
diff <(outside "$photos/beach.jpg" | sed -n '2s/^ *//p') <(echo "$found")
code=$(curl -s -o /dev/null -w '%{http_code}' --data-binary @"$photos/beach.jpg" $address/v1/captions)
[ "$code" = 401 ] || { echo "glimpse-serve answers $code without the token, not 401." >&2; exit 1; }
echo "glimpse-serve: a caption as outside the image, and $code without the token"
images images --format '{{.Name}} {{.Size}}' | sed 's|^localhost/||'
