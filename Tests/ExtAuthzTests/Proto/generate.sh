#!/bin/sh
# Makes Tests/ExtAuthzTestMessages/*.pb.swift from the .proto files beside this script. Needs protoc (Debian:
# protobuf-compiler) and git; builds the plugin from the release that Package.swift's swift-protobuf starts at,
# unless PROTOC_GEN_SWIFT names one.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
plugin=${PROTOC_GEN_SWIFT:-}
if [ -z "$plugin" ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  git clone --quiet --depth 1 --branch 1.39.0 https://github.com/apple/swift-protobuf "$work"
  (cd "$work" && swift build -c release -j 2 --product protoc-gen-swift)
  plugin=$work/.build/release/protoc-gen-swift
fi
protoc --plugin="protoc-gen-swift=$plugin" --proto_path="$here" \
  --swift_out="$here/../../ExtAuthzTestMessages" --swift_opt=Visibility=Public \
  "$here/ext_authz.proto" "$here/check_view.proto"
