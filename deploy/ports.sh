# TCP ports of 127.0.0.1 for the scripts that start servers; to be sourced by bash. A script asks its own processes only:
# either it checks beforehand that a port is free, and afterwards that its own process listens there, or it lets its
# process take any free port (port 0) and reads the port from the log of that process.
# It reads /proc/net and /proc/PID/fd, and needs neither ss nor lsof.

# listening_sockets PORT: the socket inodes that take connections to 127.0.0.1:PORT, one a line; none: the port is free.
# A listener on 0.0.0.0 or [::] takes them too. One on another address does not.
listening_sockets() {
  local port
  port=$(printf '%04X' "$1")
  awk -v port="$port" '
    $4 == "0A" {
      split($2, local, ":")
      if (local[2] == port && (local[1] ~ /^0+$/ || local[1] ~ /^(0000000000000000FFFF0000)?0100007F$/)) print $10
    }' /proc/net/tcp /proc/net/tcp6 2>/dev/null || true
}

# port_holder PORT: "PID 123, nginx" of the process that listens there. Without the right to look into that process (it
# belongs to another user, or to another PID namespace): "of another user".
port_holder() {
  local inode file pid
  for inode in $(listening_sockets "$1"); do
    file=$(find /proc/[0-9]*/fd -maxdepth 1 -lname "socket:\[$inode\]" -print -quit 2>/dev/null || true)
    [ -n "$file" ] || continue
    pid=${file#/proc/}
    pid=${pid%%/*}
    echo "PID $pid, $(cat "/proc/$pid/comm" 2>/dev/null || echo 'already gone')"
    return
  done
  echo "of another user"
}

# is_port TEXT: whether it is the number of a port.
is_port() { [[ $1 =~ ^[1-9][0-9]{0,4}$ ]] && [ "$1" -le 65535 ]; }

# require_free_port PORT VARIABLE: ends the script if PORT is not a port or if a process listens there. The message names
# that process, and the variable that chooses another port.
require_free_port() {
  if ! is_port "$1"; then
    echo "$2=$1: not a port; it must be a number from 1 to 65535" >&2
    exit 1
  fi
  [ -n "$(listening_sockets "$1")" ] || return 0
  echo "port $1 is taken by another process ($(port_holder "$1")): stop it, or set $2=…" >&2
  exit 1
}

# free_port: prints a port that nobody listens on, outside the range from which the kernel takes ports of its own.
free_port() {
  local port
  for _ in $(seq 200); do
    port=$((10000 + RANDOM % 20000))
    if [ -z "$(listening_sockets "$port")" ]; then
      echo "$port"
      return
    fi
  done
  echo "no free port found from 10000 to 29999" >&2
  return 1
}

# listens PID PORT: whether this process, and no other one, takes connections to 127.0.0.1:PORT. (Two processes can share a
# port by SO_REUSEPORT, which Envoy sets.)
listens() {
  local inode inodes
  inodes=$(listening_sockets "$2")
  [ -n "$inodes" ] || return 1
  for inode in $inodes; do
    [ -n "$(find "/proc/$1/fd" -maxdepth 1 -lname "socket:\[$inode\]" -print -quit 2>/dev/null || true)" ] || return 1
  done
}

# await_listener PID PORT [SECONDS]: waits until this process listens there. 1: the process ended, or the time (30 s) is
# over; the reason is on standard error.
await_listener() {
  local pid=$1 port=$2 end=$((SECONDS + ${3:-30}))
  until listens "$pid" "$port"; do
    if kill -0 "$pid" 2>/dev/null && [ "$SECONDS" -lt "$end" ]; then
      sleep 0.05
      continue
    fi
    if [ -n "$(listening_sockets "$port")" ]; then
      echo "port $port is taken by another process ($(port_holder "$port")): stop it, or choose another port" >&2
    elif kill -0 "$pid" 2>/dev/null; then
      echo "process $pid does not listen on port $port" >&2
    else
      echo "process $pid ended before it listened on port $port" >&2
    fi
    return 1
  done
}

# end_processes PID...: ends children of the script and waits for them. Each gets SIGTERM every second (a second one ends
# Countersign at once), and SIGKILL after 3 s: Envoy does not end while SIGTERM is blocked, as in
# children of a test.
end_processes() {
  local round pid alive
  for round in 1 2 3; do
    kill "$@" 2>/dev/null || true
    for _ in $(seq 20); do
      alive=
      for pid in "$@"; do if kill -0 "$pid" 2>/dev/null; then alive=yes; fi; done
      [ -n "$alive" ] || break 2
      sleep 0.05
    done
    [ "$round" -lt 3 ] || kill -KILL "$@" 2>/dev/null || true
  done
  wait "$@" 2>/dev/null || true
}

# logged_port LOG LISTENER: the port in Countersign's line `listening address=127.0.0.1:PORT listener=LISTENER` (text format).
logged_port() { sed -n "s/.*address=127.0.0.1:\([0-9]*\) listener=$2.*/\1/p" "$1"; }

# await_ready PID LOG [SECONDS]: waits until this Countersign, started on port 0 with an admin listener, has logged its
# ports. 1: it ended, or the time (30 s) is over; its log is on standard error.
await_ready() {
  local pid=$1 log=$2 end=$((SECONDS + ${3:-30}))
  while [ -z "$(logged_port "$log" admin)" ]; do
    if ! kill -0 "$pid" 2>/dev/null || [ "$SECONDS" -ge "$end" ]; then
      echo "countersign did not start:" >&2
      tail -n 20 "$log" >&2
      return 1
    fi
    sleep 0.05
  done
}
