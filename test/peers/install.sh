#!/bin/sh
# Builds the Go programs that tests run beside etcd-ts and keeps them in a cache outside the project.
#
#   sh test/peers/install.sh                     etcd and etcdctl
#   sh test/peers/install.sh etcdutl benchmark   what is named
#   sh test/peers/install.sh etcd36 etcdctl36    the release before, for clusters of mixed versions
#   sh test/peers/install.sh load raft porcupine what is named, of the folders in test/peers
#   sh test/peers/install.sh h2spec              the HTTP/2 conformance tests
#   sh test/peers/install.sh helm3 helm4         for tests of the chart
#   sh test/peers/install.sh --all               all of these
#   sh test/peers/install.sh kubectl coredns     what is named, of the programs that test/e2e makes a Kubernetes of
#   sh test/peers/install.sh --e2e               all of those; half an hour on a small machine the first time
#   sh test/peers/install.sh --system h2load     a Debian package that carries the program (root only)
#   sh test/peers/install.sh --system --e2e      the Debian packages that test/e2e needs
#
# Etcd's versions are those of test/peers/etcd/go.mod and test/peers/etcd36/go.mod, which are the ones etcd itself was
# released with; Kubernetes' and Helm's those of test/e2e/peers/*/go.mod. Each program has a stamp, the hash of the sources it came from, so a second call costs milliseconds.
# Prints one line per program that it builds and nothing for one that is up to date. Programs land in
# ${ETCD_TS_CACHE:-~/.cache/etcd-ts}/peers/bin.
set -eu

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
e2e=$here/../e2e/peers
kubernetes_programs="kubectl kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy"
e2e_programs="$kubernetes_programs coredns local-path-provisioner helm3 helm4"
e2e_system="containerd ctr runc /usr/lib/cni/bridge iptables nft ip conntrack nsenter busybox openssl tar buildah debootstrap"
bin=${ETCD_TS_CACHE:-$HOME/.cache/etcd-ts}/peers/bin

say() { printf 'peers: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

sha256() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -d' ' -f1; }

# The hash of all that a program in folder $1 is built from.
sources_hash() {
  (cd "$1" && find . -type f \( -name '*.go' -o -name go.mod -o -name go.sum \) | LC_ALL=C sort | while read -r file; do
    printf '%s\n' "$file"
    cat "$file"
  done | sha256)
}

# build NAME FOLDER PACKAGE [LDFLAGS]: the program is moved into place whole, so that two builders at once do no harm.
build() {
  stamp=$bin/.$1.stamp
  hash=$(sources_hash "$2")${4:+ $4}
  if [ -x "$bin/$1" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$hash" ]; then return; fi
  command -v go >/dev/null || fail "$1 needs Go $(sed -n 's/^go //p' "$2/go.mod") or newer to be built: https://go.dev/dl"
  say "building $1 (the first time takes minutes)"
  mkdir -p "$bin"
  started=$(date +%s)
  # As etcd's releases are built: no cgo, no paths. No VCS stamp, because the sources are not this repository's.
  (cd "$2" && CGO_ENABLED=0 GOTOOLCHAIN=auto go build -trimpath -buildvcs=false -ldflags "${4:-}" -o "$bin/.$1.$$" "$3") ||
    fail "$1 could not be built"
  mv "$bin/.$1.$$" "$bin/$1"
  printf '%s\n' "$hash" >"$stamp"
  say "built $1 in $(($(date +%s) - started)) s"
}

# The version of module $2 that folder $1 builds with.
module_version() {
  sed -n "s|^\(require\)\{0,1\}[[:space:]]*$2 \(v[^ ]*\).*|\2|p" "$1/go.mod"
}

# The release build of Kubernetes writes its version into the programs; without it they say v0.0.0-master and kubectl and
# the API server distrust each other.
kubernetes_flags() {
  version=$(module_version "$e2e/kubernetes" k8s.io/kubernetes)
  minor=${version#v1.}
  for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    printf -- '-X %s.gitVersion=%s -X %s.gitMajor=1 -X %s.gitMinor=%s ' \
      $package "$version" $package $package "${minor%%.*}"
  done
}

# helm_flags FOLDER MODULE: the version, and for Helm 3 that of the Kubernetes it judges charts by when it asks no server.
helm_flags() {
  printf -- '-X %s/internal/version.version=%s ' "$2" "$(module_version "$1" "$2")"
  minor=$(module_version "$1" k8s.io/client-go)
  minor=${minor#v0.}
  minor=${minor%%.*}
  for package in pkg/chartutil pkg/lint/rules; do
    printf -- '-X %s/%s.k8sVersionMajor=1 -X %s/%s.k8sVersionMinor=%s ' "$2" $package "$2" $package "$minor"
  done
}

# The Debian package that carries program $1.
debian_package() {
  case $1 in
    h2load | nghttp) echo nghttp2-client ;;
    nghttpd) echo nghttp2-server ;;
    openssl | curl | containerd | runc | buildah | debootstrap | iptables | conntrack | tar) echo "$1" ;;
    mkfs.ext4) echo e2fsprogs ;;
    ctr) echo containerd ;;
    /usr/lib/cni/bridge) echo containernetworking-plugins ;;
    nft) echo nftables ;;
    ip) echo iproute2 ;;
    nsenter) echo util-linux ;;
    busybox) echo busybox-static ;;
    *) fail "no Debian package is known for $1" ;;
  esac
}

install_system() {
  for program in "$@"; do
    if command -v "$program" >/dev/null; then continue; fi
    package=$(debian_package "$program")
    [ "$(id -u)" = 0 ] || fail "$program is missing: as root, apt-get install $package"
    command -v apt-get >/dev/null || fail "$program is missing and there is no apt-get to bring $package"
    say "installing $package"
    export DEBIAN_FRONTEND=noninteractive
    apt-get install -y -qq "$package" >/dev/null 2>&1 ||
      { apt-get update -qq >/dev/null && apt-get install -y -qq "$package" >/dev/null; } ||
      fail "$package could not be installed"
  done
}

if [ "${1:-}" = --system ]; then
  shift
  # shellcheck disable=SC2086 # a list
  if [ "${1:-}" = --e2e ]; then set -- $e2e_system; fi
  install_system "${@:-h2load}"
  exit
fi

if [ "${1:-}" = --all ]; then
  set -- etcd etcdctl etcdutl benchmark etcdctl36 helm3 helm4
  for module in "$here"/*/go.mod; do
    name=$(basename "$(dirname "$module")")
    [ "$name" = etcd ] || set -- "$@" "$name"
  done
fi

# shellcheck disable=SC2086 # a list
if [ "${1:-}" = --e2e ]; then set -- $e2e_programs; fi

[ $# -gt 0 ] || set -- etcd etcdctl
for name in "$@"; do
  case $name in
    etcd) build etcd "$here/etcd" go.etcd.io/etcd/server/v3 ;;
    etcdctl) build etcdctl "$here/etcd" go.etcd.io/etcd/etcdctl/v3 ;;
    etcdutl) build etcdutl "$here/etcd" go.etcd.io/etcd/etcdutl/v3 ;;
    benchmark) build benchmark "$here/etcd" go.etcd.io/etcd/v3/tools/benchmark ;;
    etcd36) build etcd36 "$here/etcd36" go.etcd.io/etcd/server/v3 ;;
    etcdctl36) build etcdctl36 "$here/etcd36" go.etcd.io/etcd/etcdctl/v3 ;;
    kubectl | kube-apiserver | kube-controller-manager | kube-scheduler | kubelet | kube-proxy)
      build "$name" "$e2e/kubernetes" "k8s.io/kubernetes/cmd/$name" "-s -w $(kubernetes_flags)"
      ;;
    coredns) build coredns "$e2e/coredns" github.com/coredns/coredns "-s -w" ;;
    local-path-provisioner)
      build local-path-provisioner "$e2e/local-path-provisioner" github.com/rancher/local-path-provisioner "-s -w"
      ;;
    helm3) build helm3 "$e2e/helm3" helm.sh/helm/v3/cmd/helm "-s -w $(helm_flags "$e2e/helm3" helm.sh/helm/v3)" ;;
    helm4) build helm4 "$e2e/helm4" helm.sh/helm/v4/cmd/helm "-s -w $(helm_flags "$e2e/helm4" helm.sh/helm/v4)" ;;
    h2spec) build h2spec "$here/h2spec" github.com/summerwind/h2spec/cmd/h2spec ;;
    *)
      [ -f "$here/$name/go.mod" ] || fail "no peer is called $name"
      build "$name" "$here/$name" .
      ;;
  esac
done
