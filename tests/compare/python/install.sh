#!/usr/bin/env bash
#
# install.sh DIR: installs the peers that are written in Python, each into a virtual environment of its own under DIR. What can't be
# had is left out, and the comparison says so. It needs python3 with venv and pip.
set -uo pipefail

[[ $# == 1 ]] || { echo "usage: $0 DIR" >&2; exit 2; }
dir=$1

# install NAME PACKAGE…
install() {
	local venv=$dir/$1
	shift
	echo "$venv: $*"
	if ! { python3 -m venv "$venv" && "$venv/bin/pip" install --quiet --disable-pip-version-check "$@"; }; then
		echo "left out: $*" >&2
		rm -rf "$venv"
	fi
}

mkdir -p "$dir" || exit
install ctwo-views c-two==0.5.0 numpy # the last one with views of one's own
install ctwo c-two==0.9.0 numpy
install ray ray==2.60.0 numpy
