// The way out of a connector that is told to stop (SIGTERM): nothing new comes in, what runs may finish until a deadline and is told
// then, what was recorded is stored, the last reports go to the edge.

import type { Logger } from './logger.ts';
import type { RecordingLog } from './recording/recording-log.ts';
import type { Listener } from './session/serve.ts';
import type { Sessions } from './session/sessions.ts';
import type { EdgeLink } from './control/edge-link.ts';
import type { LimitsConfig } from './config/settings.ts';

/** What is left of reports goes out in this time; then it waits in the outbox for the next start. */
const LAST_REPORTS_MS = 3_000;
/** Past their time, sessions have this long to read why they end. */
const SESSIONS_CLOSE_MS = 10_000;

/** What was made at targets and in Vault for sessions that are over is taken away in this time, or left to the next sweep. */
const GIVE_BACK_MS = 5_000;

interface DrainingParts {
  readonly limits: Pick<LimitsConfig, 'drainMs' | 'uploadMs'>;
  readonly log: Logger;
  readonly listeners: Iterable<Listener>;
  readonly sessions: Sessions;
  /** What is being taken away at targets and in Vault. */
  readonly givenBack: ReadonlySet<Promise<unknown>>;
  readonly recording: RecordingLog;
  readonly link: EdgeLink;
  readonly tunnels: { drain(): void };
}

/** `begun`: told until when, before anything is closed. Resolves when all is done, or out of time. */
export async function drainConnector(parts: DrainingParts, begun: (until: Date) => void): Promise<void> {
  const { limits, log, sessions, recording, link } = parts;
  const until = new Date(Date.now() + limits.drainMs);
  begun(until);
  log.info('connector.stopping', { sessions: sessions.live().length, until: until.toISOString() });
  // The edge sends nobody from here on; who is on the way already finds a closed port, and another replica behind it.
  link.tellStatus();
  parts.tunnels.drain();
  for (const listener of parts.listeners) listener.close();
  await within(limits.drainMs + SESSIONS_CLOSE_MS, sessions.close(limits.drainMs));
  await within(GIVE_BACK_MS, Promise.all(parts.givenBack));
  const { drained, backlog } = await recording.drain(limits.uploadMs);
  if (!drained) {
    const message =
      'not everything recorded is stored and announced yet: the next start with this state directory goes on';
    log.warn('recording.left', { message, sessions: backlog.sessions, objects: backlog.objects });
  }
  await recording.close();
  await link.stop(LAST_REPORTS_MS);
}

function within(milliseconds: number, work: Promise<unknown>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, milliseconds);
  work.then(
    () => resolve(),
    () => resolve(),
  );
  return promise.finally(() => clearTimeout(timer));
}
