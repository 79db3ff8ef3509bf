#!/bin/bash
# Print the folder that holds the guest's image; make it first when there is none for these scripts.
#
# The folder lies outside the tree, in $VM_CACHE or ~/.cache/crun-lite/vm, and is named after a
# checksum of the scripts that make it: changed scripts make a new image, and a saved guest, which
# lives in the same folder, is never resumed on another image. Images of older scripts are removed.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
cache=${VM_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/crun-lite/vm}
key=$(cat "$here"/{image,build-root,prepare-root}.sh "$here"/guest-*.sh | sha256sum | cut -c 1-12)
image=$cache/$key

mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
if [ ! -f "$image/root.img" ]; then
    echo "making the guest's image in $image (once, two or three minutes)" >&2
    find "$cache" -mindepth 1 -maxdepth 1 -type d -exec rm -rf --one-file-system {} +
    mkdir "$image.new"
    "$here/build-root.sh" "$image.new/root" >&2
    "$here/prepare-root.sh" "$image.new/root" "$image.new" >&2
    rm -rf --one-file-system "$image.new/root"
    mv "$image.new" "$image"
fi
echo "$image"
