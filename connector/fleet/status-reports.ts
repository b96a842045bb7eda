// Tells the edge how this connector stands: on every link, at once when it matters, and else every half minute where it changed.
// Nothing of it is kept.

import { isDeepStrictEqual } from 'node:util';
import type { FromConnector } from '../../core/control.ts';
import type { ConnectorStatus } from '../../core/fleet/connector-status.ts';

const TELL_EVERY_MS = 30_000;
/** The edge is awake for sessions that begin and end anyway, and sends the next one where there are fewest. */
const SOON_MS = 2_000;

interface StatusReports {
  /** Now; nothing while there is no link, or its edge takes no such message. */
  tell(): void;
  /** In a moment, together with what comes until then. */
  soon(): void;
  /** `understood`: whether this link's edge takes such messages; one of an earlier release does not. */
  linked(understood: boolean): void;
  unlinked(): void;
}

export function createStatusReports(deps: {
  /** undefined: there is nothing to tell. */
  readonly read: () => ConnectorStatus | undefined;
  readonly send: (message: Extract<FromConnector, { kind: 'connector.status' }>) => void;
  readonly everyMs?: number;
}): StatusReports {
  let timer: NodeJS.Timeout | undefined;
  let sooner: NodeJS.Timeout | undefined;
  let told: ConnectorStatus | undefined;

  function tell(): void {
    clearTimeout(sooner);
    sooner = undefined;
    if (!timer) return;
    const status = deps.read();
    if (!status || isDeepStrictEqual(status, told)) return;
    told = status;
    deps.send({ kind: 'connector.status', status });
  }

  function unlinked(): void {
    clearInterval(timer);
    clearTimeout(sooner);
    timer = sooner = undefined;
    told = undefined;
  }

  return {
    tell,
    soon() {
      if (timer) sooner ??= setTimeout(tell, SOON_MS).unref();
    },
    linked(understood) {
      unlinked();
      if (!understood) return;
      timer = setInterval(tell, deps.everyMs ?? TELL_EVERY_MS).unref();
      tell();
    },
    unlinked,
  };
}
