#!/usr/bin/env bash
# Makes, of Debian's packages, a stand-in for the base image python:3.11-slim-bookworm: stand_in_base.sh TAG
# For machines that reach no registry of images. Needs root, buildah and debootstrap.
set -euo pipefail
tag=$1

if buildah images --format '{{.Name}}:{{.Tag}}' | grep -qxF "$tag"; then exit 0; fi
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

# The mirror and the certificates that this machine itself uses.
mirror=$(awk '/^URIs:/ {print $2; exit} $1 == "deb" {print $2; exit}' \
  /etc/apt/sources.list.d/*.sources /etc/apt/sources.list 2>/dev/null || true)
debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates bookworm "$root" "$mirror" >/dev/null
ln -s python3 "$root/usr/bin/python"
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/*

container=$(buildah from scratch)
buildah add --quiet "$container" "$root" / >/dev/null
buildah config --env PATH=/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin \
  --env SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt --env PIP_CERT=/etc/ssl/certs/ca-certificates.crt "$container"
buildah commit --quiet --rm "$container" "$tag" >/dev/null
