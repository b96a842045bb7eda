// What sessions found out about the targets they were for: reached, or why not. The newest of each resource is kept and told
// to the edge, again on every link; nothing is tried for its own sake, and nothing here is a record of anything.

import { type FromConnector, MAX_TARGETS_A_MESSAGE } from '../../core/control.ts';
import type { ResourceName, TargetSeen } from '../../core/resource.ts';

type TargetsSeen = Extract<FromConnector, { kind: 'targets.seen' }>;

/** What came together is told together. */
const TELL_AFTER_MS = 500;
/** The same again is told this seldom: a busy resource is reached many times a second. */
const SAME_AGAIN_MS = 60_000;
const MAX_FAULT_CHARACTERS = 300;

export interface TargetReports {
  /** `fault`: a sentence that says why it could not be used; undefined: it was. */
  saw(resource: ResourceName, fault: string | undefined): void;
  /** `understood`: whether this link's edge takes such messages; one of an earlier release does not. */
  linked(understood: boolean): void;
  /** What is seen from now on waits for the next link. */
  unlinked(): void;
}

export function createTargetReports(deps: {
  readonly send: (message: TargetsSeen) => void;
  readonly now: () => number;
}): TargetReports {
  const { send, now } = deps;
  const newest = new Map<ResourceName, TargetSeen>();
  /** As the edge heard it on this link. */
  const told = new Map<ResourceName, TargetSeen>();
  let understood = false;
  let timer: NodeJS.Timeout | undefined;

  function isNews({ resource, fault, at }: TargetSeen): boolean {
    const before = told.get(resource);
    return before === undefined || before.fault !== fault || Date.parse(at) - Date.parse(before.at) >= SAME_AGAIN_MS;
  }

  function tell(): void {
    timer = undefined;
    const news = [...newest.values()].filter(isNews);
    for (let at = 0; at < news.length; at += MAX_TARGETS_A_MESSAGE)
      send({ kind: 'targets.seen', targets: news.slice(at, at + MAX_TARGETS_A_MESSAGE) });
    for (const seen of news) told.set(seen.resource, seen);
  }

  function forget(): void {
    told.clear();
    clearTimeout(timer);
    timer = undefined;
  }

  return {
    saw(resource, fault) {
      const at = new Date(now()).toISOString();
      newest.set(resource, {
        resource,
        at,
        ...(fault !== undefined && { fault: fault.slice(0, MAX_FAULT_CHARACTERS) }),
      });
      if (understood) timer ??= setTimeout(tell, TELL_AFTER_MS);
    },
    linked(isUnderstood) {
      forget();
      understood = isUnderstood;
      if (understood) tell();
    },
    unlinked() {
      forget();
      understood = false;
    },
  };
}
