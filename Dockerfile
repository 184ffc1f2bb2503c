# One image with etcd-ts, etcd-ts-operator and etcdctl-ts.
#
#   docker build -t etcd-ts .
#
# Node.js comes out of BASE, where the programs are bundled. The image itself stands on RUN_BASE and takes only the
# `node` program from there: no npm, yarn, corepack or header files, which nothing needs at run time. RUN_BASE must be
# the system that BASE stands on, or a newer one (glibc and libstdc++).
#
# Behind a registry of one's own: --secret id=npmrc,src=<file> (read as npm's configuration, kept in no layer).
ARG BASE=node:24-bookworm-slim
ARG RUN_BASE=debian:bookworm-slim

FROM ${BASE} AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
# The production packages and the bundler, at the versions and hashes of the lock file. No package's scripts run.
RUN --mount=type=secret,id=npmrc,target=/run/secrets/npmrc \
    bundler=$(npm pkg get devDependencies.esbuild) \
 && npm pkg delete devDependencies \
 && npm pkg set --json dependencies.esbuild="$bundler" \
 && NPM_CONFIG_USERCONFIG=/run/secrets/npmrc npm ci --ignore-scripts --loglevel=error
COPY LICENSE ./
COPY .config/bundle.mjs .config/
COPY operator operator
COPY node node
RUN node .config/bundle.mjs \
 && if [ -e /usr/local/LICENSE ]; then cp /usr/local/LICENSE dist/bundle/NODEJS-LICENSE.txt; fi

FROM ${RUN_BASE}
COPY --from=build /usr/local/bin/node /usr/local/bin/node
# Kubernetes knows the user by its number; the name is for programs that ask who they are.
RUN echo 'etcd:x:65532:65532:etcd-ts:/:/usr/sbin/nologin' >> /etc/passwd \
 && echo 'etcd:x:65532:' >> /etc/group \
 && install -d -o 65532 -g 65532 -m 0700 /var/lib/etcd \
 && ln -s /opt/etcd-ts/etcd-ts /opt/etcd-ts/etcd-ts-operator /opt/etcd-ts/etcdctl-ts /usr/local/bin/
COPY --from=build /src/dist/bundle /opt/etcd-ts
WORKDIR /
USER 65532:65532
# Clients, peers, metrics and health.
EXPOSE 2379 2380 2381
STOPSIGNAL SIGTERM
CMD ["etcd-ts"]
ARG VERSION=
ARG REVISION=
ARG SOURCE=
LABEL org.opencontainers.image.title="etcd-ts" \
      org.opencontainers.image.description="etcd in TypeScript, made for Kubernetes: member, operator and client" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"
