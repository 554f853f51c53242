#!/bin/sh
# Makes the videos of the tests: every picture carries its own number, as ten bars of eight pixels, lowest bit left,
# white for 1. Below them something moves, so that the encoder uses references in both directions.
# Needs an ffmpeg with libx264 and libx265. Ran with ffmpeg 5.1.
cd "$(dirname "$0")" || exit 1
bars="geq=lum='if(gt(Y\,15)\,mod(X*3+Y*2+N*2\,220)+16\,if(mod(floor(N/pow(2\,floor(X/8)))\,2)\,235\,16))':cb=128:cr='if(gt(Y\,15)\,128+N/12\,128)'"
make() {
    out=$1 rate=$2 count=$3
    shift 3
    ffmpeg -loglevel error -y -f lavfi -i "color=s=80x32:r=$rate:d=100,format=yuv420p,$bars" -frames:v "$count" \
        -fflags +bitexact -flags:v +bitexact "$@" "$out" </dev/null
}
x264="-c:v libx264 -preset medium -crf 34 -bf 3"
# shellcheck disable=SC2086
{
    make react.mp4 25 751 $x264 -x264-params b-pyramid=normal
    make rate-30.mp4 30000/1001 90 $x264
    make rate-50.mp4 50 100 $x264
    make open-gop.mp4 25 120 $x264 -g 20 -x264-params open-gop=1
    make no-edit-list.mp4 25 60 $x264 -use_editlist 0
    make fragmented.mp4 25 30 $x264 -movflags frag_keyframe+empty_moov
    make ten-bit.mp4 25 30 $x264 -pix_fmt yuv420p10le
    make hevc.mp4 25 30 -c:v libx265 -crf 34 -x265-params log-level=error
}
