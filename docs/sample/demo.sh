#!/bin/sh
# Shows inkprint cleaning sample.log: some lines before and after, a summary, and where one of the secrets was logged.
# Fails when inkprint does, or when a planted secret is still in what it wrote.
#
# usage: demo.sh INKPRINT [CLEANED_FILE]
#
# sample.log is made up, and so is every secret in it. planted.txt holds each of them as it is written there, kept.txt what
# looks like a secret and is none.
set -eu
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd)
inkprint=${1:?usage: demo.sh INKPRINT [CLEANED_FILE]}
cleaned=${2:-$(dirname "$inkprint")/sample.cleaned.log}
log=$here/sample.log

# The keyring is made for this run and goes with it: nobody's own is touched.
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
trap 'exit 130' INT TERM
keyring=$temporary/keyring
unset INKPRINT_KEYRING

bold= dim= red= green= plain= columns=120
if [ -t 1 ] && [ "${TERM:-dumb}" != dumb ] && [ -z "${NO_COLOR:-}" ]; then
    escape=$(printf '\033')
    bold="$escape[1m" dim="$escape[2m" red="$escape[31m" green="$escape[32m" plain="$escape[0m"
    size=$(stty size 2>/dev/null </dev/tty) && [ "${size#* }" -ge 60 ] && columns=${size#* }
fi
title() { printf '\n%s%s%s\n' "$bold" "$1" "$plain"; }

"$inkprint" keys init --keyring "$keyring" 2>"$temporary/messages" >&2 || { cat "$temporary/messages" >&2; exit 1; }
# Through the pipe, as an application would be.
"$inkprint" --keyring "$keyring" --stats <"$log" >"$cleaned" 2>"$temporary/summary" || { cat "$temporary/summary" >&2; exit 1; }

title "Some lines before (-) and after (+)"
awk -v columns="$columns" -v dim="$dim" -v red="$red" -v green="$green" -v plain="$plain" '
    # The mark in a line: its start in at and its length in len, or 0 where there is not exactly one.
    function find_mark(line) {
        len = 0
        if (!match(line, /ink1-[a-z0-9-]+-k[0-9]+-[a-z0-9]+/)) return 0
        at = RSTART; len = RLENGTH
        return substr(line, at + len) !~ /ink1-/
    }
    # What fits of a line around its part [at, at + length): nothing of that part is cut while there is room for it.
    function show(sign, colour, line, number,    head, part, tail, room) {
        head = substr(line, 1, at - 1); part = substr(line, at, len); tail = substr(line, at + len)
        room = columns - 8
        if (length(head) > room * 2 / 5) head = "..." substr(head, length(head) - int(room * 2 / 5) + 4)
        room -= length(head)
        if (length(part) > room) { part = substr(part, 1, room - 3) "..."; tail = "" }
        room -= length(part)
        if (length(tail) > room) tail = (room > 3) ? substr(tail, 1, room - 3) "..." : ""
        printf "%s%4s%s %s%s%s %s%s%s%s%s\n", dim, number, plain, colour, sign, plain, head, colour, part, plain, tail
    }
    BEGIN {
        count = split("password url-password github-pat token slack-webhook sk-live-key aws-secret-access-key " \
            "authorization jwt pem-private-key sendgrid-api-key anthropic-api-key", wanted, " ")
        for (i = 1; i <= count; i++) open[wanted[i]] = 1
    }
    NR == FNR { before[FNR] = $0; next }
    before[FNR] != $0 && find_mark($0) {
        rule = substr($0, at + 5, len - 5); sub(/-k[0-9]+-[a-z0-9]+$/, "", rule)
        if (!(rule in open)) next
        delete open[rule]
        mark_len = len
        len = length(before[FNR]) - (length($0) - mark_len)
        show("-", red, before[FNR], FNR)
        len = mark_len
        show("+", green, $0, "")
    }' "$log" "$cleaned"

title "Summary (inkprint --stats)"
# Without time and rate: on a file this small they are those of starting up.
sed -e 's/^inkprint: //' -e 's/, [0-9.]* s, .*//' -e 's/^/  /' "$temporary/summary" | awk 'NR <= 14 { print } END { if (NR > 14) print "         ... and " NR - 14 " more rules" }'

title "A leaked token turns up: where was it logged?"
token=$(sed -n 's/^GITHUB_TOKEN=//p' "$log")
printf '  printf %%s "$LEAKED_TOKEN" | inkprint fingerprint --in %s\n' "$(basename "$cleaned")"
printf '%s' "$token" | "$inkprint" fingerprint --keyring "$keyring" --in "$cleaned" >"$temporary/found" || { cat "$temporary/found" >&2; exit 1; }
sed 's/^/  /' "$temporary/found"

survivors=$(grep -cF -f "$here/planted.txt" "$cleaned" || true)
kept=0 all=0
while IFS= read -r text; do
    all=$((all + 1))
    if grep -qF -e "$text" "$cleaned"; then kept=$((kept + 1)); fi
done <"$here/kept.txt"

title "Checked"
if [ "$survivors" -ne 0 ]; then
    echo "  $survivors lines of the cleaned log still hold a planted secret:" >&2
    grep -nF -f "$here/planted.txt" "$cleaned" >&2
    exit 1
fi
echo "  none of the $(grep -c '' "$here/planted.txt") planted texts is left; $kept of $all look-alikes stand as they were"
echo "  the cleaned log: $cleaned"

title "Try next"
cat <<END
  your_application 2>&1 | $inkprint
  $inkprint --dry-run some.log
  $inkprint rules list
END
