#!/usr/bin/env bash
# Installs the system packages that `make run`, `make test` or `make bench` needs, judged by the commands that are there.
set -euo pipefail

# command:package
for_run=(exiftool:libimage-exiftool-perl identify:imagemagick ffmpeg:ffmpeg)
for_test=(initdb:postgresql redis-server:redis-server nginx:nginx chromium:chromium
          chromedriver:chromium-driver node:nodejs npm:npm curl:curl)
# Tests that start no server run these.
for_test_fast=(unzip:unzip 7z:p7zip-full bsdtar:libarchive-tools)
for_bench=(wrk:wrk vipsthumbnail:libvips-tools nginx:nginx node:nodejs npm:npm)

case "${1:-}" in
    run) wanted=("${for_run[@]}") ;;
    test) wanted=("${for_run[@]}" "${for_test_fast[@]}" "${for_test[@]}") ;;
    test-fast) wanted=("${for_run[@]}" "${for_test_fast[@]}") ;;
    bench) wanted=("${for_run[@]}" "${for_bench[@]}") ;;
    *) echo "usage: packages.sh run|test|test-fast|bench" >&2; exit 2 ;;
esac

missing() {
    # Debian keeps these out of an ordinary user's PATH.
    local pair PATH="$PATH:/usr/sbin"
    local folder
    for folder in /usr/lib/postgresql/*/bin; do
        PATH+=":$folder"
    done
    for pair in "${wanted[@]}"; do
        command -v "${pair%%:*}" >/dev/null || printf '%s\n' "${pair##*:}"
    done
}

mapfile -t packages < <(missing)
[[ ${#packages[@]} -eq 0 ]] && exit 0
"$(dirname "$0")/apt.sh" "${packages[@]}"
mapfile -t packages < <(missing)
if [[ ${#packages[@]} -gt 0 ]]; then
    echo "Installed, but their commands are still not to be found: ${packages[*]}" >&2
    exit 1
fi
