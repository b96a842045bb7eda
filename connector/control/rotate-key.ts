// Changing the connector's key, so that whatever stops the process between two steps leaves a connector that the edge knows:
//
//   1. the new key is made and stands on disk
//   2. the edge is asked, signed by both
//   3. it has the new one
//   4. the new one takes the old one's place on disk
//
// A start that finds a new key on disk asks again: before 3 it is taken now, after 3 the answer is the same. Sessions that run go
// on, and are sealed with the key that the connector has when they end.

import { type KeyObject, sign } from 'node:crypto';
import { type RotationRequest, rotationText } from '../../core/connectors/key-rotation.ts';
import type { Logger } from '../logger.ts';
import { saveNextKey, saveRotated } from '../state/identity.ts';
import { createBackoff } from './backoff.ts';
import { sendRotation } from './edge-http.ts';
import type { JoinedIdentity } from './join.ts';

export interface OwnKey {
  current(): JoinedIdentity;
  /** Finishes what an earlier process began. */
  start(): void;
  /** Has it changed; nothing while that is under way. */
  change(): void;
  stop(): void;
}

export function keepOwnKey(options: {
  readonly state: string;
  readonly identity: JoinedIdentity;
  /** The edge's origin. */
  readonly edge: string;
  readonly log: Logger;
  /** The edge has the new one, which `current` answers from now on. */
  readonly onChanged: (identity: JoinedIdentity) => void;
  /** One sentence for the operator: it stays as it is. */
  readonly onFault: (message: string) => void;
  readonly retryMs?: number;
}): OwnKey {
  const { state, edge, log, joined } = { ...options, ...options.identity };
  let identity = options.identity;
  let underWay = false;
  const stopped = new AbortController();

  async function change(): Promise<void> {
    if (underWay || stopped.signal.aborted) return;
    underWay = true;
    try {
      const prepared = saveNextKey(state, identity);
      if (!prepared.ok) return options.onFault(`the key stays as it is: ${prepared.error}`);
      identity = { ...prepared.value, joined };
      if (await asked()) take();
    } finally {
      underWay = false;
    }
  }

  /** Until the edge says yes or no. */
  async function asked(): Promise<boolean> {
    const baseMs = options.retryMs ?? 1_000;
    const backoff = createBackoff({ baseMs, capMs: 60 * baseMs, random: Math.random });
    for (;;) {
      const answer = await sendRotation(edge, requestOf(identity, edge));
      if (stopped.signal.aborted) return false;
      if (answer.ok) return true;
      if (answer.error.kind === 'refused') {
        // The new key stays on disk: this no may be of somebody between, and an earlier yes may have been lost.
        options.onFault(`the edge did not take the new key: ${answer.error.message}`);
        return false;
      }
      const delay = backoff.nextMs();
      log.warn('key.not_changed_yet', { message: answer.error.message, retryInMs: delay });
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, delay);
        stopped.signal.addEventListener('abort', () => {
          clearTimeout(timer);
          resolve();
        });
      });
      if (stopped.signal.aborted) return false;
    }
  }

  function take(): void {
    const saved = saveRotated(state, identity);
    // Asked again by the next start. Until then it is used all the same, since the edge takes no other.
    if (!saved.ok) options.onFault(`the edge has the new key, and ${saved.error}`);
    const { next, publicKey, earlierKeys } = identity;
    const taken = next && { ...identity, ...next, next: undefined, earlierKeys: [...earlierKeys, publicKey] };
    identity = saved.ok ? { ...saved.value, joined } : (taken ?? identity);
    log.info('key.changed', { key: identity.publicKey });
    options.onChanged(identity);
  }

  const run = () =>
    void change().catch((error: unknown) =>
      options.onFault(`the key stays as it is: ${error instanceof Error ? error.message : 'unknown failure'}`),
    );
  return {
    current: () => identity,
    start() {
      if (identity.next) run();
    },
    change: run,
    stop: () => stopped.abort(),
  };
}

function requestOf({ joined, publicKey, privateKey, next }: JoinedIdentity, edge: string): RotationRequest {
  if (!next) throw new Error('there is no new key');
  const terms = {
    connector: joined.connector,
    oldKey: publicKey,
    newKey: next.publicKey,
    at: new Date().toISOString(),
  };
  const signed = (key: KeyObject) => sign(null, Buffer.from(rotationText(edge, terms)), key).toString('base64url');
  return { ...terms, signatures: { old: signed(privateKey), new: signed(next.privateKey) } };
}
