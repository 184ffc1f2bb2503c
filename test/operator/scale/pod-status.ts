/** The status of a Pod that runs, with all that a kubelet writes: what the operator keeps of it should be as large as in earnest. */

export interface PodShown {
  readonly address: string;
  readonly image: string;
  readonly isReady: boolean;
  /** RFC 3339. */
  readonly now: string;
}

export function podStatus({ address, image, isReady, now }: PodShown): unknown {
  const condition = (type: string, isSo: boolean) => ({
    type,
    status: isSo ? "True" : "False",
    lastProbeTime: null,
    lastTransitionTime: now,
    ...(isSo ? {} : { reason: "ContainersNotReady", message: "containers with unready status" }),
  });
  return {
    phase: "Running",
    hostIP: "127.0.0.1",
    hostIPs: [{ ip: "127.0.0.1" }],
    podIP: address,
    podIPs: [{ ip: address }],
    startTime: now,
    conditions: [
      condition("PodReadyToStartContainers", true),
      condition("Initialized", true),
      condition("Ready", isReady),
      condition("ContainersReady", isReady),
      condition("PodScheduled", true),
    ],
    containerStatuses: [
      {
        name: "etcd",
        image,
        imageID: `sha256:${"0".repeat(64)}`,
        containerID: `containerd://${"0".repeat(64)}`,
        ready: isReady,
        started: true,
        restartCount: 0,
        lastState: {},
        state: { running: { startedAt: now } },
      },
    ],
  };
}
