#!/bin/sh
# Makes a Redis data folder of a backup: redis-restore.sh FOLDER < nst.rdb
# A server with an append-only file reads that alone, so it is made here from the backup; a snapshot that merely lies in
# the folder would be passed over, and everything lost. docs/run/operations.md, "Backup and restore".
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
  kill -0 "$server" 2> /dev/null || { echo "redis-restore: not a backup that can be read" >&2; exit 1; }
  sleep 1
done
ask config set appendonly yes > /dev/null
while ask info persistence | grep -Eq 'aof_rewrite_(in_progress|scheduled):1'; do sleep 1; done
ask info persistence | grep -q 'aof_last_bgrewrite_status:ok'
echo "$(ask dbsize) keys restored"
ask shutdown nosave
wait "$server"
rm "$folder/dump.rdb"
