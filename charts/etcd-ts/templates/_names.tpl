{{/* Names. Objects of the operator are "<fullname>-<part>", at most 63 characters, part included. */}}

{{- define "etcd-ts.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* The release's name alone if it already says what this is. Dots of a release's name are no part of a Service's name. */}}
{{- define "etcd-ts.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := printf "%s-%s" .Release.Name $name -}}
{{- if .Values.fullnameOverride -}}
{{- $full = .Values.fullnameOverride -}}
{{- else if contains $name .Release.Name -}}
{{- $full = .Release.Name -}}
{{- end -}}
{{- $full = $full | replace "." "-" | trunc 63 | trimSuffix "-" -}}
{{- if not (regexMatch "^[a-z]" $full) -}}
{{- fail (printf "%q is no name for a Service, as it does not begin with a letter: set fullnameOverride" $full) -}}
{{- end -}}
{{- $full -}}
{{- end -}}

{{/* Of a part of the chart: include "etcd-ts.part" (list . "operator"). */}}
{{- define "etcd-ts.part" -}}
{{- $part := index . 1 -}}
{{- $room := sub 62 (len $part) | int -}}
{{- printf "%s-%s" (include "etcd-ts.fullname" (index . 0) | trunc $room | trimSuffix "-") $part -}}
{{- end -}}

{{- define "etcd-ts.operator" -}}
{{- include "etcd-ts.part" (list . "operator") -}}
{{- end -}}

{{- define "etcd-ts.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "etcd-ts.operator" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.create=false needs serviceAccount.name" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* Members and Services are called after the EtcdCluster, so its name must leave them room. */}}
{{- define "etcd-ts.cluster" -}}
{{- $name := default .Release.Name .Values.cluster.name -}}
{{- if or (gt (len $name) 45) (not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $name)) -}}
{{- fail (printf "an EtcdCluster cannot be called %q: set cluster.name to at most 45 of a-z, 0-9 and -, with a letter first" $name) -}}
{{- end -}}
{{- $name -}}
{{- end -}}

{{/* Without it the API server's default holds. */}}
{{- define "etcd-ts.tlsMode" -}}
{{- dig "tls" "mode" "Managed" .Values.cluster.spec -}}
{{- end -}}

{{- define "etcd-ts.scheme" -}}
{{- ternary "http" "https" (eq (include "etcd-ts.tlsMode" .) "Disabled") -}}
{{- end -}}

{{/* The Secret with tls.crt, tls.key and ca.crt of a client: the first application's, or else the operator's. Empty without TLS. */}}
{{- define "etcd-ts.clientSecret" -}}
{{- $mode := include "etcd-ts.tlsMode" . -}}
{{- $clients := dig "tls" "clients" list .Values.cluster.spec -}}
{{- if eq $mode "Provided" -}}
{{- dig "tls" "provided" "operatorSecretRef" "name" "" .Values.cluster.spec -}}
{{- else if and (eq $mode "Managed") $clients -}}
{{- printf "%s-client-%s-tls" (include "etcd-ts.cluster" .) (first $clients).name -}}
{{- else if eq $mode "Managed" -}}
{{- printf "%s-operator-tls" (include "etcd-ts.cluster" .) -}}
{{- end -}}
{{- end -}}

{{- define "etcd-ts.endpoint" -}}
{{ include "etcd-ts.scheme" . }}://{{ include "etcd-ts.cluster" . }}-client.{{ .Release.Namespace }}.svc:2379
{{- end -}}

{{- define "etcd-ts.image" -}}
{{- $tag := .Values.image.tag -}}
{{- if not (or $tag .Values.image.digest) -}}
{{- $tag = .Chart.AppVersion -}}
{{- end -}}
{{- .Values.image.repository -}}
{{- with $tag }}:{{ . }}{{ end -}}
{{- with .Values.image.digest }}@{{ . }}{{ end -}}
{{- end -}}
