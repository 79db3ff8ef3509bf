#!/bin/sh
# Fail when a folder includes one above or beside it, when a third-party header comes in by another
# door than its own, or when the library does what only the command may: print, exit, ask the
# environment.
cd "$(dirname "$0")/.." || exit 1
status=0

complain() {
    echo "$*"
    status=1
}

# Each folder and what it may include.
allowed() {
    case $1 in
    base)       echo "base" ;;
    spec)       echo "base spec" ;;
    cgroups)    echo "base spec cgroups" ;;
    namespaces) echo "base spec namespaces" ;;
    seccomp)    echo "base spec seccomp" ;;
    runtime)    echo "base spec cgroups namespaces seccomp runtime" ;;
    cmd)        echo "base spec runtime cmd" ;;
    esac
}

# Each third-party header and the files that may include it. <sys/mount.h> has no door: it
# quarrels with <linux/mount.h>, and base/kernel.h declares what we use of both.
door() {
    case $1 in
    yajl/*)           echo "spec/json.c spec/encode.c" ;;
    seccomp.h)        echo "seccomp/*" ;;
    sys/capability.h) echo "runtime/credentials.c" ;;
    libmnl/*)         echo "namespaces/rtnetlink.c namespaces/mnl.c" ;;
    dlfcn.h)          echo "nowhere" ;;
    sys/mount.h)      echo "nowhere" ;;
    *)                echo "*" ;;
    esac
}

check_includes() {
    for header in $(sed -n 's/^#include "\(.*\)".*/\1/p' "$1"); do
        case " $(allowed "${1%%/*}") " in
        *" ${header%%/*} "*) ;;
        *) complain "$1: must not include \"$header\"" ;;
        esac
    done
    # The front ends know one header of the runtime.
    case $1 in cmd/*)
        for header in $(sed -n 's/^#include "\(runtime\/.*\)".*/\1/p' "$1"); do
            [ "$header" = runtime/container.h ] || complain "$1: must not include \"$header\""
        done ;;
    esac
}

check_doors() {
    for header in $(sed -n 's/^#include <\(.*\)>.*/\1/p' "$1"); do
        through=no
        set -f
        for pattern in $(door "$header"); do
            case $1 in $pattern) through=yes ;; esac
        done
        set +f
        [ $through = yes ] || complain "$1: must not include <$header>"
    done
}

# Calls that only cmd/ may make; comments and strings do not count.
forbidden='printf|vprintf|puts|putchar|perror|exit|getenv|secure_getenv|setenv|putenv|unsetenv'
check_manners() {
    sed -e 's/"[^"]*"//g' -e 's,//.*,,' -e 's,/\*.*\*/,,' -e '/\/\*/,/\*\//s/.*//' "$1" |
        grep -nE "(^|[^A-Za-z0-9_])(($forbidden) *\(|environ\b|std(out|err)\b)" |
        sed "s,^,$1:,; s,\$, (only cmd/ may do this)," | grep . && status=1
}

for file in $(find base spec cgroups namespaces seccomp runtime cmd -name '*.[ch]'); do
    check_includes "$file"
    check_doors "$file"
    # What runs when the program is built is a program of its own.
    case $file in cmd/* | */generate/*) ;; *) check_manners "$file" ;; esac
done
exit $status
