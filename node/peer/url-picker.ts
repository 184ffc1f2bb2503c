/** Which of a member's peer URLs is used next (etcd rafthttp/urlpick.go): the same one until it fails, then the one after it. */
import { assert } from "../lib/assert.ts";

export class UrlPicker {
  private urls: readonly string[];
  private picked = 0;

  /** `urls` are at least one. */
  constructor(urls: readonly string[]) {
    assert(urls.length > 0, "a member without peer URLs");
    this.urls = urls;
  }

  get all(): readonly string[] {
    return this.urls;
  }

  /** Starts again with the first of `urls`, unless these are the ones that are there. */
  update(urls: readonly string[]): void {
    assert(urls.length > 0, "a member without peer URLs");
    if (urls.length === this.urls.length && urls.every((url, at) => url === this.urls[at])) return;
    this.urls = urls;
    this.picked = 0;
  }

  pick(): string {
    return this.urls[this.picked] as string;
  }

  /** `url`, picked a while ago, did not work. No effect when another is in use by now. */
  unreachable(url: string): void {
    if (url === this.pick()) this.picked = (this.picked + 1) % this.urls.length;
  }
}
