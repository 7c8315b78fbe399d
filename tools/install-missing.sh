#!/bin/sh
# Installs what this machine lacks to build, test or measure inkprint: Debian packages, by name, and for `ci` the Python packages in
# python-peers.txt, by hash. What is there is left alone, and where nothing is missing no package manager is called and no network is used.
#
# usage: install-missing.sh build|test|ci|bench...
set -eu

missing=
peers=

# lacks PROGRAM PACKAGE: notes the package where the program is not there.
lacks() {
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}

for group in "$@"; do
    case $group in
    build)
        lacks cc gcc
        lacks c++ g++
        lacks cmake cmake
        lacks pkg-config pkg-config
        lacks ccache ccache
        # Vectorscan needs Boost's headers, no library.
        if ! { command -v c++ && echo '#include <boost/version.hpp>' | c++ -E -x c++ -; } >/dev/null 2>&1; then
            missing="$missing libboost-dev"
        fi
        ;;
    test)
        lacks python3 python3
        lacks logger bsdutils
        lacks script bsdutils
        ;;
    ci)
        # Real peers, which a developer's machine may lack: their tests say so and pass over.
        lacks rsyslogd rsyslog
        lacks promtool prometheus
        if ! command -v bao >/dev/null 2>&1; then
            peers=yes
            lacks python3 python3
            # A Python without pip, or Debian's, which needs its package for it.
            python3 -m pip --version >/dev/null 2>&1 || missing="$missing python3-pip"
        fi
        lacks openssl openssl
        lacks sslscan sslscan
        lacks sqlite3 sqlite3
        # A judge of JSON schemas that is not ours.
        python3 -c 'import jsonschema' 2>/dev/null || missing="$missing python3-jsonschema"
        ;;
    bench)
        lacks python3 python3
        lacks socat socat
        lacks rg ripgrep
        ;;
    *)
        echo "install-missing.sh: there is no group $group; there are build, test, ci and bench" >&2
        exit 2
        ;;
    esac
done

if ! command -v "${CARGO:-cargo}" >/dev/null 2>&1; then
    echo "inkprint needs Rust 1.88 or later, and cargo was not found: install it from https://rustup.rs" >&2
    exit 1
fi

# The Python packages, where one is missing, once Python itself is there.
install_peers() {
    [ -n "$peers" ] || return 0
    echo "Installing the Python packages in tools/python-peers.txt" >&2
    # Debian's pip installs beside its own packages only when told so; an older pip does not know the option.
    peer_list=$(dirname "$0")/python-peers.txt
    python3 -m pip install --quiet --break-system-packages --require-hashes -r "$peer_list" ||
        python3 -m pip install --quiet --require-hashes -r "$peer_list"
    if ! command -v bao >/dev/null 2>&1; then
        echo "bao was installed, and is not in the PATH: add $(python3 -c 'import sysconfig; print(sysconfig.get_path("scripts"))')" >&2
        return 1
    fi
}

missing=${missing# }
if [ -z "$missing" ]; then
    install_peers
    exit
fi

if ! command -v apt-get >/dev/null 2>&1; then
    echo "These are missing (by their Debian names): $missing" >&2
    echo "This machine has no apt-get: install them with its own package manager, then run make again." >&2
    exit 1
fi
if [ "$(id -u)" -eq 0 ]; then
    as_root=
elif command -v sudo >/dev/null 2>&1; then
    as_root=sudo
else
    echo "These packages are missing: $missing" >&2
    echo "Neither root nor sudo is at hand. As root: apt-get install $missing" >&2
    exit 1
fi

install() {
    # Without a word of the package manager's unless it fails.
    # shellcheck disable=SC2086 # package names are words
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 install -y --no-install-recommends $missing \
        >"$log" 2>&1 </dev/null
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "Installing $missing" >&2
# A fresh machine has no package lists, or old ones: fetch them where the first attempt fails.
if ! install; then
    $as_root apt-get -qq update >&2 || true
    if ! install; then
        cat "$log" >&2
        echo "Could not install $missing" >&2
        exit 1
    fi
fi
install_peers
