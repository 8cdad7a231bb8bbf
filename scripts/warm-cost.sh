#!/usr/bin/env bash
# What a command under a lock costs, beside `flock FILE true`: both in one run, in turn.
#
#   scripts/warm-cost.sh [ROUNDS]      FLOM=path of flom, by default target/release/flom
#
# Prints the median of each in microseconds and their ratio. A loaded machine makes both slower,
# and the ratio better: run it where nothing else runs.
set -euo pipefail
export LC_ALL=C # decimal points in EPOCHREALTIME
rounds=${1:-500}
flom=$(realpath "${FLOM:-$(dirname "$0")/../target/release/flom}")
[[ -x $flom ]] || { echo "no flom at $flom: cargo build --release, or set FLOM" >&2; exit 1; }

directory=$(mktemp -d /tmp/flom-warm-cost.XXXXXX)
end() {
    "$flom" -s "$directory/socket" -X >/dev/null 2>&1 || true # no daemon, no harm
    rm -rf "$directory"
}
trap end EXIT
"$flom" -s "$directory/socket" -d -1 -- true # starts the daemon that is used below
touch "$directory/file"

# Microseconds that a command takes, appended to a list.
measure() { # LIST COMMAND...
    local list=$1 from=${EPOCHREALTIME/./} to
    "${@:2}"
    to=${EPOCHREALTIME/./}
    echo $((to - from)) >>"$list"
}

median() { sort -n "$1" | sed -n "$(((rounds + 1) / 2))p"; }

for ((round = 0; round < rounds; round++)); do
    measure "$directory/flom" "$flom" -s "$directory/socket" -d 0 -- true
    measure "$directory/flock" flock "$directory/file" true
done
of_flom=$(median "$directory/flom") of_flock=$(median "$directory/flock")
printf 'flom -- true: %d us, flock FILE true: %d us, ratio %d.%02d (%d rounds, medians)\n' \
    "$of_flom" "$of_flock" $((of_flom / of_flock)) $((of_flom * 100 / of_flock % 100)) "$rounds"
