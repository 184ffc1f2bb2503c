#!/bin/sh
# Makes the base images of the end-to-end tests, which pull nothing from a registry of images:
#
#   localhost/debian:bookworm-test   Debian by debootstrap, without documents and translations, as the slim images are
#   localhost/node:24-test           the same with this machine's npm and the Node.js 24 of node_modules, for building
#
#   sh test/e2e/image/base.sh        (as root; needs debootstrap and buildah)
#
# The Debian archive and its system are kept under ${ETCD_TS_CACHE:-~/.cache/etcd-ts}/image, as is buildah's storage. Nothing is done when
# the images are there and Node.js, npm and this file are what they were made of. Debian comes from the machine's own sources, or from
# ETCD_TS_DEBIAN_MIRROR.
set -eu
cd "$(dirname "$0")/../../.."

cache=${ETCD_TS_CACHE:-$HOME/.cache/etcd-ts}/image
suite=bookworm
debian=localhost/debian:$suite-test
node=localhost/node:24-test
certificates=/etc/ssl/certs/ca-certificates.crt

say() { printf 'image: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
store() { buildah --root "$cache/storage" --runroot "$cache/storage-run" "$@"; }

for program in buildah debootstrap npm; do
  command -v "$program" >/dev/null || fail "$program is missing: sh test/peers/install.sh --system --e2e (as root)"
done
[ "$(id -u)" = 0 ] || fail "debootstrap and buildah's chroot isolation need root"
nodejs=node_modules/node/bin/node
[ -x "$nodejs" ] || fail "$nodejs is missing: npm ci"
npm_dir=$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")
[ -f "$npm_dir/package.json" ] || fail "npm's files are not in $npm_dir"

mkdir -p "$cache"
stamp=$({
  cat "$0" "$npm_dir/package.json"
  "$nodejs" --version
  cat "$certificates" 2>/dev/null || true
} | sha256sum)
if [ "$(cat "$cache/base.stamp" 2>/dev/null)" = "$stamp" ] &&
  store inspect --type image "$debian" >/dev/null 2>&1 && store inspect --type image "$node" >/dev/null 2>&1; then exit 0; fi

# The first Debian mirror for this suite, of either format of apt's sources; nothing where there is none.
mirror() {
  cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
    sed -n "s|^deb \(\[[^]]*\] \)\{0,1\}\(http[^ ]*\) $suite main.*|\2|p"
  for file in /etc/apt/sources.list.d/*.sources; do
    if grep -q "^Suites:.*\b$suite\b" "$file" 2>/dev/null; then sed -n 's/^URIs: *\([^ ]*\).*/\1/p' "$file"; fi
  done
}

# In a name of its own until it is whole. The marks are the suite's name and this file's part below.
make_system() {
  system=$(mktemp -d "$cache/system.XXXXXX")
  trap 'rm -rf "$system"' EXIT
  say "debootstrap of Debian $suite (once; half a minute)"
  # Unquoted: without a mirror debootstrap takes its own.
  debootstrap --variant=minbase "$suite" "$system/tree" ${ETCD_TS_DEBIAN_MIRROR:-$(mirror | head -n 1)} >"$cache/debootstrap.log" 2>&1 ||
    fail "debootstrap failed: see $cache/debootstrap.log"
  rm -rf "$system"/tree/var/cache/apt/* "$system"/tree/var/lib/apt/lists/* "$system"/tree/var/log/* \
    "$system"/tree/usr/share/man/* "$system"/tree/usr/share/info/* "$system"/tree/usr/share/locale/* \
    "$system"/tree/dev/* "$system"/tree/etc/resolv.conf "$system"/tree/etc/hostname
  find "$system/tree/usr/share/doc" -type f ! -name copyright -delete
  # `ctr` and buildah make /dev and its files.
  tar -C "$system/tree" --numeric-owner -cf "$system/tar" .
  mv "$system/tar" "$cache/debian-$suite.tar"
  rm -rf "$system"
  trap - EXIT
}

commit() {
  store commit --quiet --rm "$1" "$2" >/dev/null
}

[ -f "$cache/debian-$suite.tar" ] || make_system
rm -f "$cache/base.stamp"

say "importing $debian and $node"
container=$(store from --quiet scratch)
store add --quiet "$container" "$cache/debian-$suite.tar" / >/dev/null
store config --cmd bash --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
commit "$container" "$debian"

container=$(store from --quiet --pull-never "$debian")
store copy --quiet "$container" "$nodejs" /usr/local/bin/node >/dev/null
store copy --quiet "$container" "$npm_dir" /usr/local/lib/node_modules/npm >/dev/null
store run --isolation chroot "$container" -- ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm
if [ -f "$certificates" ]; then
  store copy --quiet "$container" "$certificates" "$certificates" >/dev/null
  store config --env NODE_EXTRA_CA_CERTS="$certificates" "$container"
fi
commit "$container" "$node"
# What was built on the bases before.
store rmi --prune --force >/dev/null
printf '%s\n' "$stamp" >"$cache/base.stamp"
