{{/* Labels. A component is one of operator, crds, cluster, test; selectors hold the three that never change. */}}

{{/* include "etcd-ts.selectorLabels" (list . "operator") */}}
{{- define "etcd-ts.selectorLabels" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "etcd-ts.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* include "etcd-ts.labels" (list . "operator") or (list . "operator" .Values.operator.podLabels): the user's labels win, but for those of selectors. */}}
{{- define "etcd-ts.labels" -}}
{{- $root := index . 0 -}}
{{- $selector := include "etcd-ts.selectorLabels" (list $root (index . 1)) | fromYaml -}}
{{- $own := dict
  "app.kubernetes.io/part-of" "etcd-ts"
  "app.kubernetes.io/version" $root.Chart.AppVersion
  "app.kubernetes.io/managed-by" $root.Release.Service
  "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-")
-}}
{{- $given := ternary (last .) dict (gt (len .) 2) -}}
{{- merge $selector $given $root.Values.commonLabels $own | toYaml -}}
{{- end -}}
