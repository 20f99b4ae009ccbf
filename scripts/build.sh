#!/bin/sh
# Build the image: build.sh TAG [docker build options]. DOCKER names the client (default: docker).
#
# One platform and no attestations, because SageMaker refuses image indexes (requirement N5).
set -eu
cd "$(dirname "$0")/.."
docker=${DOCKER:-docker}
tag=$1
shift

if "$docker" buildx version >/dev/null 2>&1; then
    exec "$docker" buildx build --load --platform linux/amd64 --provenance=false --sbom=false \
        --tag "$tag" "$@" .
fi
# Clients before 23 speak BuildKit themselves; later ones without the plugin do not.
case $("$docker" version --format '{{.Client.Version}}') in
    1?.* | 2[0-2].*) DOCKER_BUILDKIT=1 exec "$docker" build --platform linux/amd64 --tag "$tag" "$@" . ;;
    *) DOCKER_BUILDKIT=0 exec "$docker" build --tag "$tag" "$@" . ;;
esac
