# NATS doesn't read nested values from variables, so NATS_USERS becomes a file (in memory).
set -eu
umask 077
printf 'authorization: {users: %s}\n' "$NATS_USERS" > /tmp/users.conf
exec nats-server --config /etc/nats/nats.conf
