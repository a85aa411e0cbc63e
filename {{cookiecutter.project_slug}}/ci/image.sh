#!/bin/sh
# Builds the image of a release and pushes it, then signs it and what it is made of by the job's identity.
set -eu
# The job is a container itself.
export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=vfs
apt-get update -qq
apt-get install --yes --no-install-recommends -qq buildah cosign >/dev/null
.venv/bin/mlops image build --push --outputs >build/image.txt
if [ "${SIGN_IMAGES:-yes}" != no ]; then
  image=$(sed -n 's/^repository=//p' build/image.txt)@$(sed -n 's/^digest=//p' build/image.txt)
  cosign sign --yes "$image"
  cosign attest --yes --type cyclonedx --predicate "$(sed -n 's/^sbom=//p' build/image.txt)" "$image"
fi
