#!/bin/sh
# The first process of a node's machine (machine.ts starts it in fresh namespaces): makes the machine's own /run and /var,
# then stays, and collects processes that nobody else waits for. Its end is the end of the machine.
#
#   machine.sh NODE_NAME STATE_DIR NODE_DIR
set -eu
name=$1
state=$2
dir=$3

hostname "$name"
mkdir -p "$dir/var/lib" "$dir/var/log" "$dir/var/tmp" "$dir/var/cache"
ln -sfn /run "$dir/var/run"

mount -t tmpfs -o mode=0755 tmpfs /run
# The state folder is usually below /var and stays visible at its path.
mkdir /run/state
mount --bind "$state" /run/state
mount --bind "$dir/var" /var
mkdir -p "$state"
mount --bind /run/state "$state"
# Mounts of a volume must reach containers that ask for it, as on a machine where systemd has shared the root.
mount --make-rshared /
touch /run/machine-ready

while :; do
  sleep 86400 &
  wait
done
