# shellcheck shell=bash disable=SC2154
# What the scripts that show larder share: commands that are printed as they run, and a server of their own.
#
# Who sources this has set `dir`, the folder for everything, and `at`, the same as it is typed in a command.

server=

# Prints a command as one would type it, and runs exactly that.
run() {
  printf '\n$ %s\n' "$1"
  eval "$1"
}

# Starts a server with its data in the folder, and sets `address`; it is stopped when the script ends.
start_server() {
  trap stop_server EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  run "larder-server serve --listen 127.0.0.1:0 --data $at/data >$at/server.log 2>&1 &"
  server=$!
  wait_for_address
  echo "larder-server listens on http://$address"
}

# shellcheck disable=SC2317 # called by the trap
stop_server() {
  [[ -n $server ]] || return 0
  kill "$server" 2>/dev/null || true
  for _ in {1..150}; do
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
  done
  kill -9 "$server" 2>/dev/null || true
  wait "$server" 2>/dev/null || true
  server=
}

# Waits until the server has printed the address that it got, and sets `address` to it.
wait_for_address() {
  for _ in {1..300}; do
    address=$(grep -Eo '127\.0\.0\.1:[1-9][0-9]*' "$dir/server.log" | head -n 1) || true
    [[ -z $address ]] || return 0
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
  done
  tail -n 20 "$dir/server.log" >&2
  fail "the server did not start; the lines above are the end of $dir/server.log"
}

# What a shell needs to use this server with the programs in a folder, and nothing outside `dir`.
write_settings() {
  local here
  here=$(cd "$dir" && printf %q "$PWD")
  cat >"$dir/env.sh" <<SETTINGS
export PATH=$(printf %q "$1"):\$PATH
export LARDER_SERVER=http://$address
export LARDER_TOKEN=\$(cat $here/data/admin-token)
export LARDER_CONFIG=$here/config/larder.toml
export LARDER_STORE=$here/store
SETTINGS
}
