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
  resources: [pods/eviction]
  verbs: [create]
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
  verbs: [get, create, patch, delete]
- apiGroups: [rbac.authorization.k8s.io]
  resources: [roles, rolebindings]
  verbs: [get, create, patch, delete]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [get, create, update]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end -}}

{{/*
Beside it, where all namespaces are served: nodes and storage classes belong to none. Without the first a lost node is no evidence, and members on it are
waited for; without the second the API server alone says whether volumes can grow.
*/}}
{{- define "etcd-ts.clusterWideRules" -}}
- apiGroups: [""]
  resources: [nodes]
  verbs: [get]
- apiGroups: [storage.k8s.io]
  resources: [storageclasses]
  verbs: [get]
{{- end -}}
