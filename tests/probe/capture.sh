#!/bin/bash
# Keep the config.json that engines write: tests/probe/configs/ENGINE-ROW.json, to be run again anywhere.
#
#   tests/probe/capture.sh [FOLDER]     as root; the engines of this machine, with runc
#
# A row of tests/engines runs with a runtime that saves the configuration of what it is to create, then is runc.
# relocate.py takes out what belongs to that machine.  What is in tests/probe/configs was made by this, with the
# engines of Debian 12.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
folder=${1:-$here/configs}
mkdir -p "$folder"
folder=$(readlink -f "$folder")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"

# The bind mounts' sources that are folders are written down: they are gone when relocate.py looks.
make_runtime() { # NAME
    mkdir -p "$work/saved"
    cat >"$work/runtime" <<END
#!/bin/bash
for word; do
    [ "\${previous:-}" != --bundle ] || bundle=\$word
    [ "\$word" != create ] || creates=yes
    previous=\$word
done
if [ -n "\${creates:-}" ]; then
    file=\$(mktemp "$work/saved/$1.\$(date +%s%N).XXX")
    jq -r '.mounts[] | select(.type == "bind" or (.options // [] | index("rbind"))) | .source' "\$bundle/config.json" |
        while read -r source; do [ ! -d "\$source" ] || echo "\$source"; done >"\$file.folders"
    cp "\$bundle/config.json" "\$file.json"
fi
exec $(command -v runc) "\$@"
END
    chmod 755 "$work/runtime"
}

capture() { # ENGINE ROW COMMAND...
    local engine=$1 row=$2
    shift 2
    make_runtime "$engine-${row// /-}"
    ENGINES_FILTER="^$row\$" "$@" || echo "capture.sh: $engine: $row: status $?" >&2
}

while IFS=$'\t' read -r engine row; do
    case $engine in
    docker | podman) capture "$engine" "$row" "$here/../engines/$engine.sh" "capture=$work/runtime" ;;
    ctr) capture ctr "$row" env CLIENTS=containerd "$here/../engines/containerd.sh" "capture=$work/runtime" ;;
    cri) capture cri "$row" env CLIENTS=cri "$here/../engines/containerd.sh" "capture=$work/runtime" ;;
    esac </dev/null
done <"$here/captured.tsv"
"$here/relocate.py" "$work/saved" "$folder"
