#!/usr/bin/env bash
#
# Three relays make a mesh on this machine, two servers have the same resource, and a client goes on calling it, while one after
# the other is killed and comes back. It takes some 20 seconds (STEP, between events, is 1.5), and leaves nothing behind.
#
# PORTS are six free ones, for HTTP and for gossip; else six in a row are taken at random. BIN is a directory with c3 and
# mesh-of-relays, if they have been built.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

first=$((20000 + RANDOM % 12000)) # below what clients get
read -ra ports <<<"${PORTS:-$(seq -s ' ' $first $((first + 5)))}"
dir=$(mktemp -d "${TMPDIR:-/tmp}/c2-mesh.XXXXXX")
export XDG_RUNTIME_DIR=$dir # sockets go there
unset C2_RELAY C2_AT C2_ADDRESS
export C2_LOG_LEVEL=error

# start NAME COMMAND…: in the background, with its process in pid_NAME.
start() {
	local name=$1
	shift
	"$@" &
	printf -v "pid_$name" %s $!
}

# stop SIGNAL NAME: and see it end.
stop() {
	local pid=pid_$2
	[[ -n ${!pid:-} ]] || return 0
	kill "-$1" "${!pid}" && wait "${!pid}"
} 2>/dev/null

cleanup() {
	local name
	for name in client north south a b c; do
		stop TERM $name || true
	done
	rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

if [[ -z ${BIN:-} ]]; then
	BIN=$dir
	go build -o "$BIN" ./cmd/c3 ./examples/mesh-of-relays
fi

# address NAME KIND: of a relay, for http or gossip.
address() {
	local at
	case $1-$2 in
	a-http) at=0 ;; b-http) at=1 ;; c-http) at=2 ;;
	a-gossip) at=3 ;; b-gossip) at=4 ;; c-gossip) at=5 ;;
	esac
	echo "127.0.0.1:${ports[$at]}"
}
url() { echo "http://$(address "$1" http)"; }

pause() { sleep "${STEP:-1.5}"; }
say() { echo "$(date +%T)      --- $*"; }

# relay NAME. --no-direct, as from other hosts: clients of this one would leave the relays out otherwise.
relay() {
	start "$1" "$BIN/c3" relay --relay-id "$1" --bind "$(address "$1" http)" --gossip-bind "$(address "$1" gossip)" \
		--seeds "$(url a),$(url b),$(url c)" --no-direct 2>>"$dir/relays.log"
}

# server NAME RELAY
server() {
	start "$1" "$BIN/mesh-of-relays" -serve "$1" -relays "$(url "$2")"
}

# end NAME: as a crash does.
end() {
	stop KILL "$1" || true
	say "$1 is killed"
}

# until_ready: relay c knows both servers.
until_ready() {
	local i
	for ((i = 0; i < 100; i++)); do
		[[ $("$BIN/c3" --relay "$(url c)" ls 2>/dev/null | grep -c station) == 2 ]] && return
		sleep 0.1
	done
	echo "the mesh does not come together:" >&2
	cat "$dir/relays.log" >&2
	return 1
}

relay a && relay b && relay c
server north a && server south b
until_ready
say "relays a, b and c run; station north is at a, south at b; a client asks c"
"$BIN/c3" --relay "$(url c)" members
echo

start client "$BIN/mesh-of-relays" -relays "$(url c),$(url a),$(url b)"
pause
end a && pause
relay a && say "a is started again" && pause
end b && pause
relay b && say "b is started again" && pause
end c && pause # the client goes on by way of a, or b
end a && pause # and must look again
relay c && relay a && say "c and a are started again" && pause
end south && pause
server south b && say "south is started again" && pause
status=0
stop TERM client || status=$?
pid_client=
until_ready
echo
"$BIN/c3" --relay "$(url c)" ls
exit "$status"
