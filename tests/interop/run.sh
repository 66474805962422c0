#!/usr/bin/env bash
# Our DEFLATE against zlib. Needs Python 3 and nothing else. An argument is the seed.
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --release --quiet --example deflate_filter
exec python3 tests/interop/deflate_zlib.py "${CARGO_TARGET_DIR:-target}/release/examples/deflate_filter" "$@"
