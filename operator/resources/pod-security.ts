/** What makes a member's Pod pass the Pod Security Standards' profile "restricted" (Kubernetes documentation, Pod Security Standards). */

/** The image's user, a number so that the kubelet can tell it from root. */
const nonRootId = 65_532;

export const podSecurityContext = {
  runAsNonRoot: true,
  runAsUser: nonRootId,
  runAsGroup: nonRootId,
  // Makes the volume writable to us. Only when its root is not: a walk over a large volume at each start takes minutes.
  fsGroup: nonRootId,
  fsGroupChangePolicy: "OnRootMismatch",
  seccompProfile: { type: "RuntimeDefault" },
} as const;

export const containerSecurityContext = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ["ALL"] },
  readOnlyRootFilesystem: true,
} as const;

/** Variables for every Service of the namespace: thousands in a large one. */
export const podWithoutServiceVariables = { enableServiceLinks: false } as const;

/** A member calls no API of Kubernetes. */
export const podWithoutCredentials = {
  automountServiceAccountToken: false,
  ...podWithoutServiceVariables,
} as const;
