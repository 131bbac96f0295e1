# run.sh BUILD TARGET SECONDS: a target with libFuzzer. What it learns stays under BUILD; what it finds
# is written to BUILD/TARGET-crash-… and the like.
set -eu
build=$1 target=$2 seconds=$3
mkdir -p "$build/corpus/$target"
set -- "$build/corpus/$target" "fuzz/corpus/$target"
if [ -d "fuzz/regress/$target" ]; then set -- "$@" "fuzz/regress/$target"; fi
if [ -f "fuzz/$target.dict" ]; then set -- -dict="fuzz/$target.dict" "$@"; fi
exec "$build/fuzz/$target" -max_total_time="$seconds" -print_final_stats=1 -artifact_prefix="$build/$target-" "$@"
