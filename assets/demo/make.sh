#!/bin/sh
# Makes every file of this folder again from scripts/*.txt: speech by flite, faces by the make_demo example, FLAC by
# ffmpeg. Needs flite (with the voices slt, awb, rms, kal16), ffmpeg and cargo; run it from anywhere.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for script in "$here"/scripts/*.txt; do
    name=$(basename "$script" .txt)
    mkdir "$work/$name"
    value() { sed -n "s/^$1: //p" "$script"; }
    number=0
    grep '^[-+*] ' "$script" | cut -c3- | while IFS= read -r sentence; do
        piece=$(printf '%s/%02d' "$work/$name" "$number")
        flite -voice "$(value voice)" --setf duration_stretch="$(value stretch)" \
            --setf int_f0_target_mean="$(value pitch)" --setf int_f0_target_stddev="$(value liveliness)" \
            -psdur -t "$sentence" -o "$piece.wav" >"$piece.phones"
        number=$((number + 1))
    done
done

(cd "$here" && cargo run --release -p speech --example make_demo -- "$here/scripts" "$work" "$here")

for script in "$here"/scripts/*.txt; do
    name=$(basename "$script" .txt)
    ffmpeg -hide_banner -loglevel error -y -i "$work/$name.wav" -bitexact -c:a flac -compression_level 12 "$here/$name.flac"
done
