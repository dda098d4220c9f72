#!/bin/sh
# The same from a shell. In a checkout as it is; elsewhere: MIROIR='npx -p miroir-rebalancer miroir' ./cli.sh
# Run: MIROIR_REDIS_URL=redis://127.0.0.1:6379 ./cli.sh
set -eu
MIROIR=${MIROIR:-npm run -s miroir --}
NODE_URL=${NODE_URL:-http://127.0.0.1:7704}

# stdout is data: the job's id. With --wait it is also what was planned.
$MIROIR -o json event send NodeAdded --data "{\"node_id\":\"n4\",\"url\":\"$NODE_URL\"}"
