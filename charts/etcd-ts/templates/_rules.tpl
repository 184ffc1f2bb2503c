{{/*
What the operator may do where it serves EtcdClusters; every verb is used. The finalizers subresources are asked for by owner references with
blockOwnerDeletion. Roles and RoleBindings are those of a cluster's CronJobs: Kubernetes lets the operator grant only what it may do itself, and nothing
here lets it go beyond (no bind, no escalate).
*/}}
{{- define "etcd-ts.operatorRules" -}}
- apiGroups: [etcd-ts.dev]
  resources: [etcdclusters]
  verbs: [get, list, watch]
- apiGroups: [etcd-ts.dev]
  resources: [etcdmembers]
  verbs: [get, list, watch, create, patch, update, delete]
- apiGroups: [etcd-ts.dev]
  resources: [etcdclusters/status, etcdmembers/status]
  verbs: [get, patch, update]
- apiGroups: [etcd-ts.dev]
  resources: [etcdclusters/finalizers, etcdmembers/finalizers]
  verbs: [update]
- apiGroups: [""]
  resources: [pods, persistentvolumeclaims]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [services]
  verbs: [get, list, watch, create, patch]
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch]
- apiGroups: [batch]
  resources: [cronjobs]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [serviceaccounts]
  verbs: [get, create, patch]
- apiGroups: [rbac.authorization.k8s.io]
  resources: [roles, rolebindings]
  verbs: [get, create, patch]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [get, create, update]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end -}}

{{/* Beside it, where all namespaces are served: nodes belong to none. Without this right a lost node is no evidence, and members on it are waited for. */}}
{{- define "etcd-ts.nodeRules" -}}
- apiGroups: [""]
  resources: [nodes]
  verbs: [get]
{{- end -}}
