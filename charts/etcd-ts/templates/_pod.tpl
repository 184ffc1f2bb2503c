{{/* What all pods of the chart share: the "restricted" level of Pod Security Standards, and nothing that they do not use. */}}

{{- define "etcd-ts.podSecurityContext" -}}
runAsNonRoot: true
{{- with .Values.operator.runAsUser }}
runAsUser: {{ int64 . }}
runAsGroup: {{ int64 . }}
fsGroup: {{ int64 . }}
{{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "etcd-ts.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "etcd-ts.imageFields" -}}
image: {{ include "etcd-ts.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- end -}}

{{- define "etcd-ts.tmpVolume" -}}
- name: tmp
  emptyDir:
    sizeLimit: 16Mi
{{- end -}}

{{- define "etcd-ts.tmpMount" -}}
- name: tmp
  mountPath: /tmp
{{- end -}}

{{/* Placement that the operator's pods and the CRD hook share. */}}
{{- define "etcd-ts.placement" -}}
{{- with .Values.operator.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.operator.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.operator.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- end -}}

{{- define "etcd-ts.affinity" -}}
{{- $term := dict "topologyKey" "kubernetes.io/hostname" "labelSelector" (dict "matchLabels" (include "etcd-ts.selectorLabels" (list . "operator") | fromYaml)) -}}
{{- if .Values.operator.affinity -}}
{{- toYaml .Values.operator.affinity -}}
{{- else if eq .Values.operator.affinityPreset "Soft" -}}
podAntiAffinity:
  preferredDuringSchedulingIgnoredDuringExecution:
    - weight: 100
      podAffinityTerm:
        {{- toYaml $term | nindent 8 }}
{{- else if eq .Values.operator.affinityPreset "Hard" -}}
podAntiAffinity:
  requiredDuringSchedulingIgnoredDuringExecution:
    - {{- toYaml $term | nindent 6 }}
{{- end -}}
{{- end -}}
