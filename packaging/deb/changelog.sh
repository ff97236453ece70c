#!/usr/bin/env bash
# The changelog as Debian writes it. The history of changes is the project's own.
set -euo pipefail
cat <<TEXT
${2:-clinicvault} ($1) stable; urgency=medium

  * Release $1.

 -- ClinicVault <clinicvault@clinicvault.invalid>  $(LC_ALL=C date -u -R -d "@$SOURCE_DATE_EPOCH")
TEXT
