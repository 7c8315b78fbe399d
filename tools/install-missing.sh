#!/bin/sh
# Installs what this machine lacks to build, test or measure inkprint: Debian packages, by name, and for `ci` the Python packages in
# python-peers.txt and python-aws.txt, by hash. What is there is left alone, and where nothing is missing no package manager is called and
# no network is used.
#
# usage: install-missing.sh build|test|ci|bench...
set -eu

missing=
peers=
# Where syslog-ng is unpacked, as Debian installs it or rsyslog but not both.
syslog_ng=/opt/syslog-ng
unpacked=yes

# lacks PROGRAM PACKAGE: notes the package where the program is not there.
lacks() {
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}

# lacks_of_root PROGRAM PACKAGE: the same of a program that is not in everybody's PATH.
lacks_of_root() {
    PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}

for group in "$@"; do
    case $group in
    build)
        lacks cc gcc
        lacks c++ g++
        lacks cmake cmake
        # The allocator is built by it, also where cargo is called directly.
        lacks make make
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
        ls /usr/lib/*/rsyslog/lmnsd_ossl.so >/dev/null 2>&1 || missing="$missing rsyslog-openssl"
        lacks promtool prometheus
        lacks faketime faketime
        # Debian keeps this one where a user's path may not lead.
        [ -x /usr/sbin/nft ] || lacks nft nftables
        command -v bao >/dev/null 2>&1 || peers="$peers bao:python-peers.txt"
        command -v moto_server >/dev/null 2>&1 || peers="$peers moto_server:python-aws.txt"
        if [ -n "$peers" ]; then
            lacks python3 python3
            # A Python without pip, or Debian's, which needs its package for it.
            python3 -m pip --version >/dev/null 2>&1 || missing="$missing python3-pip"
        fi
        lacks openssl openssl
        lacks sslscan sslscan
        lacks sqlite3 sqlite3
        lacks strace strace
        lacks age age
        lacks_of_root mkfs.ext4 e2fsprogs
        # A judge of JSON schemas that is not ours.
        python3 -c 'import jsonschema' 2>/dev/null || missing="$missing python3-jsonschema"
        if ! command -v syslog-ng >/dev/null 2>&1 && [ ! -x $syslog_ng/usr/sbin/syslog-ng ]; then
            unpacked=
            missing="$missing libivykis0 libjson-c5 libnet1 libpcre3 libwrap0"
        fi
        # Debian keeps the server's programs out of the PATH.
        ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || lacks initdb postgresql
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
    echo "inkprint needs Rust 1.89 or later, and cargo was not found: install it from https://rustup.rs" >&2
    exit 1
fi

# The Python packages, where one is missing, once Python itself is there.
install_peers() {
    for peer in $peers; do
        program=${peer%%:*}
        peer_list=$(dirname "$0")/${peer#*:}
        echo "Installing the Python packages in $peer_list" >&2
        # Debian's pip installs beside its own packages only when told so; an older pip does not know the option.
        python3 -m pip install --quiet --break-system-packages --require-hashes -r "$peer_list" ||
            python3 -m pip install --quiet --require-hashes -r "$peer_list"
        if ! command -v "$program" >/dev/null 2>&1; then
            scripts=$(python3 -c 'import sysconfig; print(sysconfig.get_path("scripts"))')
            echo "$program was installed, and is not in the PATH: add $scripts" >&2
            return 1
        fi
    done
}

# syslog-ng, from Debian's package, once the libraries that it needs are there. Nothing of it is started.
unpack_syslog_ng() {
    [ -z "$unpacked" ] || return 0
    echo "Unpacking syslog-ng into $syslog_ng" >&2
    folder=$(mktemp -d)
    (cd "$folder" && apt-get -qq -o APT::Sandbox::User=root download syslog-ng-core >&2 &&
        $as_root mkdir -p $syslog_ng && $as_root dpkg -x syslog-ng-core_*.deb $syslog_ng)
    rm -rf "$folder"
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
unpack_syslog_ng
install_peers
