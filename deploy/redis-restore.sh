#!/bin/sh
# Creates a Redis data folder from a backup: redis-restore.sh FOLDER < nst.rdb
# A server with appendonly enabled reads only its append-only file and ignores a snapshot in the folder, so all data
# would be lost. This script converts the backup. See docs/run/operations.md, "Backup and restore".
set -eu
folder=$1
[ -z "$(ls -A "$folder")" ] || { echo "redis-restore: $folder is not empty" >&2; exit 1; }

socket=$(mktemp -u /tmp/restore-XXXXXX)
ask() { redis-cli -s "$socket" "$@"; }

cat > "$folder/dump.rdb"
redis-server --port 0 --unixsocket "$socket" --dir "$folder" --dbfilename dump.rdb --save '' --appendonly no \
  --loglevel warning >&2 &
server=$!
until [ "$(ask ping 2> /dev/null)" = PONG ]; do
  kill -0 "$server" 2> /dev/null || { echo "redis-restore: the input is not a readable backup" >&2; exit 1; }
  sleep 1
done
ask config set appendonly yes > /dev/null
while ask info persistence | grep -Eq 'aof_rewrite_(in_progress|scheduled):1'; do sleep 1; done
ask info persistence | grep -q 'aof_last_bgrewrite_status:ok'
echo "$(ask dbsize) keys restored"
ask shutdown nosave
wait "$server"
rm "$folder/dump.rdb"
