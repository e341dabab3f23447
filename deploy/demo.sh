#!/usr/bin/env bash
# From a fresh clone to a served answer: environment, data, training, release, redis, service, one real request.
#
#   bash deploy/demo.sh [--smoke] [--dataset NAME] [--data-dir DIR] [--config FILE] [--port N] [--fresh]
#
# --smoke checks the answer, stops everything and exits 0 or 1; without it the service stays up until Ctrl-C.
# Everything written lies in .venv and var/. DEMO_VENV names another virtual environment that is ready to use.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=deploy/environment.sh
source deploy/environment.sh

environment=${DEMO_VENV:-.venv}
if [[ -n ${DEMO_VENV:-} ]]; then
  [[ -x $environment/bin/python ]] || fail "expected a virtual environment in DEMO_VENV, got $environment"
else
  install_environment "$environment" .
fi
redis_server=$(find_redis_server "$environment")
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-$(nproc)}" OMP_WAIT_POLICY=PASSIVE PYTHONUNBUFFERED=1
exec "$environment/bin/python" -m deploy.demo --redis-server "$redis_server" "$@"
