#!/bin/sh
# `npm run check`: every static check in turn. All of them run, whatever fails; the failed ones are named at the end.
#   sh .config/check.sh [check...]   only these (format:check types lint layers dead verify:gen)
set -u
cd "$(dirname "$0")/.."

[ $# -gt 0 ] || set -- format:check types lint layers dead verify:gen
failed=
for check in "$@"; do
  started=$(date +%s)
  if npm run --silent "$check"; then result=ok; else
    result=FAILED
    failed="$failed $check"
  fi
  printf 'check: %-12s %-6s %s s\n' "$check" "$result" $(($(date +%s) - started))
done
if [ -n "$failed" ]; then
  printf 'check: failed:%s\n' "$failed"
  exit 1
fi
echo "check: all passed"
