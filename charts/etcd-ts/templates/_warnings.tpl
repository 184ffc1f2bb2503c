{{/* What a user should know about these values, for NOTES.txt: one paragraph each. */}}
{{- define "etcd-ts.warnings" -}}
{{- if .Values.cluster.create }}
{{- $spec := .Values.cluster.spec }}
{{- $cluster := include "etcd-ts.cluster" . }}
{{- $replicas := dig "replicas" 1 $spec | int }}
{{- if and (gt $replicas 0) (eq (mod $replicas 2) 0) }}

WARNING: {{ $replicas }} members survive the loss of no more members than {{ sub $replicas 1 }} do: take an odd number.
{{- end }}
{{- if eq (include "etcd-ts.tlsMode" .) "Disabled" }}

WARNING: everybody who reaches {{ $cluster }} reads and writes it, in plain text (tls.mode is Disabled, for the life of the cluster).
{{- end }}
{{- if eq $replicas 1 }}

WARNING: a single member is away whenever its pod or node is.
{{- end }}

WARNING: nothing makes backups of this cluster yet.
{{- if eq (dig "storage" "reclaim" "onClusterDelete" "Retain" $spec) "Retain" }}

NOTE: volumes outlive the EtcdCluster (storage.reclaim.onClusterDelete is Retain). After helm uninstall they are deleted, with all data, by

  kubectl --namespace {{ .Release.Namespace }} delete persistentvolumeclaim --selector etcd-ts.dev/cluster={{ $cluster }}
{{- else }}

WARNING: helm uninstall deletes the volumes of {{ $cluster }}, with all data (storage.reclaim.onClusterDelete is Delete).
{{- end }}
{{- if and .Values.image.pullSecrets (not (dig "image" "pullSecrets" false $spec)) }}

WARNING: image.pullSecrets are the operator's. Members pull without: set cluster.spec.image.pullSecrets too.
{{- end }}
{{- if not .Values.operator.create }}

NOTE: no operator comes with this release (operator.create=false). Another release's must watch the namespace {{ .Release.Namespace }}.
{{- end }}
{{- end }}
{{- if and .Values.operator.create (not .Values.crds.upgrade) }}

NOTE: Helm does not upgrade CRDs, and crds.upgrade is off. Before each upgrade: helm show crds <chart> | kubectl apply --server-side -f -
{{- end }}
{{- if and .Values.operator.create (not .Values.rbac.create) }}

NOTE: rbac.create is off. Until {{ include "etcd-ts.serviceAccount" . }} gets its rights from you, the operator does nothing.
{{- end }}
{{- end -}}
