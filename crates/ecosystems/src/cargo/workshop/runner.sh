#!/bin/sh
# What cargo starts in the place of each program of tests. One that ends before it has said how its tests went, by a
# signal or because memory was misused, takes the others with it: then each test runs in a process of its own.
"$@" </dev/null
status=$?
# What libtest ends with where it came to its end.
case $status in 0 | 101) exit "$status" ;; esac
# It may have stopped within a line.
echo
"$1" --list --format terse 2>/dev/null </dev/null | while IFS= read -r line; do
    case $line in *': test') ;; *) continue ;; esac
    name=${line%': test'}
    "$1" --exact "$name" --test-threads=1 </dev/null
    case $? in 0 | 101) ;; *) printf '\ntest %s ... FAILED\n' "$name" ;; esac
done
exit 101
