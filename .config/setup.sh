#!/bin/sh
# Brings a clone into a state in which it can run; npm calls it before `start`, `test` and `check`.
#
#   sh .config/setup.sh           packages, then the build
#   sh .config/setup.sh install   packages only
#   sh .config/setup.sh build     packages, then the build from nothing
#
# Does nothing, in milliseconds, when nothing changed: packages are installed when node_modules is missing or older
# than package-lock.json, dist/ is built when a source is newer than the last good build.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# npm must not run on the very Node.js that it is about to replace, so node_modules/.bin leaves the PATH meanwhile.
path_without_node_modules() {
  printf '%s' "$PATH" | tr ':' '\n' | grep -v '/node_modules/' | tr '\n' ':' | sed 's/:$//'
}

install() {
  # A checkout renews the file's time without its content: hence the copy beside npm's own record.
  if [ -f node_modules/.package-lock.json ] && {
    [ -z "$(find package-lock.json -newer node_modules/.package-lock.json)" ] ||
      cmp -s package-lock.json node_modules/.installed-lock.json
  }; then return; fi
  say "installing packages (once; about a minute)"
  PATH=$(path_without_node_modules) npm ci --no-fund --no-audit --loglevel=error >&2 || fail "npm ci failed"
  cp package-lock.json node_modules/.installed-lock.json
  touch node_modules/.package-lock.json
}

# Node.js 24 comes as the npm package `node`; one on the machine will do when it is new enough to run TypeScript.
check_node() {
  PATH=$PWD/node_modules/.bin:$PATH
  export PATH
  node -e 'const [major, minor] = process.versions.node.split("."); process.exit(major * 1000 + +minor >= 22019 ? 0 : 1)' ||
    fail "Node.js 22.19 or newer is needed; the npm package that carries it was not installed (are install scripts off?)"
}

# Generated code is JavaScript with typings beside it, which tsc takes as it is and does not copy.
copy_javascript() {
  find node operator -name '*.js' -type f 2>/dev/null | while read -r file; do
    mkdir -p "dist/$(dirname "$file")"
    cp "$file" "dist/$file"
  done
}

build() {
  if [ -f dist/.built ] && [ -z "$(
    find node operator tsconfig.json tsconfig.build.json package-lock.json -newer dist/.built 2>/dev/null | head -n 1
  )" ]; then return; fi
  say "building dist/"
  mkdir -p dist
  : >dist/.building
  tsc -p tsconfig.build.json || fail "the build failed"
  copy_javascript
  if [ -f dist/node/main.js ]; then chmod +x dist/node/main.js; fi
  mv dist/.building dist/.built
}

install
check_node
case ${1:-} in
  install) ;;
  build)
    rm -rf dist
    build
    ;;
  *) build ;;
esac
