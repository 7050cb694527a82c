#!/bin/sh
# Writes a report whole or not at all, and has it listed:
#
#   write-report.sh BASE FOLDER REL < report.md
#   write-report.sh cloud /mnt/gdrive/Outputs audits/2026-06-09-weekly.md < report.md
#
# FOLDER is where this machine has the base. REPORTS_INDEX_URL and REPORTS_INDEX_TOKEN are taken from the environment.
# Needs curl 7.76 or later.
set -eu
LC_ALL=C
export LC_ALL

fail() {
  printf 'write-report: %s\n' "$2" >&2
  exit "$1"
}

[ $# = 3 ] || fail 2 'usage: write-report.sh BASE FOLDER REL < report'
base=$1 folder=$2 rel=$3

case $base$rel in *[[:cntrl:]]*) fail 2 'a name holds a control character' ;; esac
case /$rel/ in *//* | */./* | */../*) fail 2 "not a path below a base: $rel" ;; esac
[ -d "$folder" ] || fail 1 "the base is not there: $folder" # it is not made: its mount may be away

target=$folder/$rel
name=${rel##*/}
temporary=${target%/*}/.$name.$$.tmp # in the same folder, or it could not be renamed; dot and .tmp are never listed
[ ! -d "$target" ] || fail 1 "a folder is in its place: $target"
trap 'rm -f -- "$temporary"' EXIT
trap 'exit 1' HUP INT TERM
mkdir -p -- "${target%/*}" && cat >"$temporary" && mv -f -- "$temporary" "$target" || fail 1 "could not write $target"

# Without control characters, these two are all that JSON wants escaped.
json() { printf %s "$1" | sed 's/[\\"]/\\&/g'; }
# The token goes by standard input: others on the host can see a command's arguments.
authorization() { printf 'Authorization: Bearer %s\n' "$REPORTS_INDEX_TOKEN"; }

answer=$(
  { [ -z "${REPORTS_INDEX_TOKEN-}" ] || authorization; } |
    curl --silent --show-error --fail-with-body --max-time 120 --header @- \
      --header 'Content-Type: application/json' \
      --data-binary "{\"paths\": [{\"base\": \"$(json "$base")\", \"rel\": \"$(json "$rel")\"}]}" \
      "${REPORTS_INDEX_URL:-http://127.0.0.1:3000}/rebuild" 2>&1
) || fail 1 "$rel is written, but the service could not be told: $answer"
