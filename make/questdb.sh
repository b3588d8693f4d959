#!/usr/bin/env bash
# Fetches the QuestDB server's jar (Apache-2.0) from Maven Central, checks it and prints its path. Usage: questdb.sh FOLDER
set -euo pipefail
version=9.3.4
sha256=939bc53ab22f93dbaa6545143a6e7c536d4904c07b7f2d381e8eef10436be062
folder=$1 jar=$1/questdb-$version.jar
if [ ! -f "$jar" ]; then
  for needed in java mvn; do
    command -v "$needed" >/dev/null || { echo "questdb: $needed is missing (Java 17 or newer and Maven fetch and run the server)" >&2; exit 1; }
  done
  mkdir -p "$folder"
  part=$(mktemp -d "$folder/fetching.XXXXXX")
  trap 'rm -rf "$part"' EXIT
  mvn -q -B dependency:copy -Dartifact=org.questdb:questdb:$version -DoutputDirectory="$part" >&2 \
    || { echo "questdb: org.questdb:questdb:$version cannot be had from Maven Central here" >&2; exit 1; }
  found=$(sha256sum < "$part/questdb-$version.jar" | cut -d' ' -f1)
  if [ "$found" != "$sha256" ]; then
    echo "questdb: questdb-$version.jar has SHA-256 $found, expected $sha256; it is not used" >&2; exit 1
  fi
  mv "$part/questdb-$version.jar" "$jar"
fi
printf '%s\n' "$jar"
