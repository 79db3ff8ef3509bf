#!/bin/sh
# In a guest with SELinux: load the policy beside this and enforce it.
set -e
policy=$(mktemp)
secilc -c "$(cat /sys/fs/selinux/policyvers)" -o "$policy" -f /dev/null "$(dirname "$0")/selinux.cil"
cat "$policy" >/sys/fs/selinux/load
echo 1 >/sys/fs/selinux/enforce
rm "$policy"
