// A way to a resource that outlives the connector which carries it: connections that come later go by another tunnel once the
// one that there is was told to end, is cut or was lost. A connection that has begun stays with its tunnel and ends with it: what
// was sent may have been done (docs/adr/0076).

import type { Duplex } from 'node:stream';
import type { OpenedTunnel } from '../../core/tunnel/opened-tunnel.ts';
import type { TunnelClosed } from '../../core/tunnel/tunnel-end.ts';
import { Failure } from '../failure.ts';
import type { Tunnel } from './open-tunnel.ts';

/** A moment without the other end passes by itself, as a release of the portal does for those that were served before. */
const CUT_FOR_MS = 500;
/** What a new connection waits for a tunnel, with tries that failed. */
const OPEN_WITHIN_MS = 20_000;
/** It was waited for already. */
const LOST_WITHIN_MS = 3_000;
/** Then a connection that was begun is looked at: where its connector has left, it ends once another is there. */
const UNANSWERED_MS = 1_000;
const REPLACED_WITHIN_MS = 1_000;
const AGAIN_AFTER_MS = { first: 200, longest: 2_000 };

const PASSING = ['unreachable', 'unavailable'];
const FINAL = ['denied', 'forbidden', 'unauthorized'];

interface MovingOptions {
  readonly first: Tunnel;
  /** Another one. Rejects with a Failure. */
  open(): Promise<Tunnel>;
  readonly tell: (message: string) => void;
  readonly openWithinMs?: number;
}

export interface MovingTunnel {
  readonly opened: OpenedTunnel;
  /** Rejects where none can be had. The stream is destroyed with an error where it is refused. */
  connect(): Promise<Duplex>;
  /** `lost`: Gatehouse said that there will be no other. */
  readonly closed: Promise<TunnelClosed>;
  close(): void;
}

export function movingTunnel({ first, open, tell, openWithinMs = OPEN_WITHIN_MS }: MovingOptions): MovingTunnel {
  const closed = Promise.withResolvers<TunnelClosed>();
  /** Those that carry something, and the one for what comes. */
  const all = new Set<Tunnel>();
  let current: Tunnel | undefined;
  let opening: Promise<Tunnel> | undefined;
  let over = false;

  function use(tunnel: Tunnel): void {
    all.add(tunnel);
    current = tunnel;
    void tunnel.leaving.then(() => {
      if (current !== tunnel || over) return;
      current = undefined;
      void replaceSoon(openWithinMs);
      tell('the connector is stopping: connections that are open may finish there, new ones go to another');
    });
    void tunnel.closed.then(({ kind, message }) => {
      all.delete(tunnel);
      if (current === tunnel) current = undefined;
      if (kind === 'lost' && !over)
        tell(`the tunnel is lost, and the connections in it with it: ${message}. New ones go by another`);
      void replaceSoon(kind === 'lost' ? Math.min(LOST_WITHIN_MS, openWithinMs) : openWithinMs);
    });
  }
  use(first);

  async function openAnother(withinMs: number): Promise<Tunnel> {
    const until = performance.now() + withinMs;
    for (let wait = AGAIN_AFTER_MS.first; ; wait = Math.min(2 * wait, AGAIN_AFTER_MS.longest)) {
      try {
        const tunnel = await open();
        if (over) {
          tunnel.close();
          throw new Failure(3, 'tunnel_lost', 'the tunnel was closed');
        }
        use(tunnel);
        return tunnel;
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        // It was said no to, and will be again.
        if (FINAL.includes(error.reason)) end({ kind: 'lost', message: error.message });
        if (over || !PASSING.includes(error.reason) || performance.now() + wait > until) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }

  function another(withinMs: number): Promise<Tunnel> {
    opening ??= openAnother(withinMs).finally(() => {
      opening = undefined;
    });
    return opening;
  }

  /** A new connection does not wait for this. Not all at once, when a connector with many tunnels leaves. */
  async function replaceSoon(withinMs: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, REPLACED_WITHIN_MS * Math.random()).unref());
    if (over || current) return;
    try {
      await another(withinMs);
    } catch (error) {
      // What still runs in one that is leaving may finish.
      if (all.size === 0) end({ kind: 'lost', message: error instanceof Error ? error.message : 'it failed' });
    }
  }

  async function usable(): Promise<Tunnel> {
    if (over) throw new Failure(3, 'tunnel_lost', 'the tunnel was closed');
    const cut = current;
    if (cut && (await cut.attachedWithin(CUT_FOR_MS)) && cut === current) return cut;
    if (current && current !== cut) return current;
    const found = another(openWithinMs);
    if (!cut || cut !== current) return found;
    // Whichever is there first; the other ends when nothing is left in it.
    void found.then(
      () => cut.retire(),
      () => {},
    );
    const back = cut.attachedWithin(openWithinMs).then((is) => (is ? cut : Promise.reject(new Error('lost'))));
    return Promise.any([found, back]).catch(() => found);
  }

  function end(how: TunnelClosed): void {
    if (over) return;
    over = true;
    // What is under way has a moment to end.
    void Promise.all([...all].map((tunnel) => tunnel.closed)).then(() => closed.resolve(how));
    for (const tunnel of all) tunnel.close();
  }

  return {
    opened: first.opened,
    async connect() {
      const tunnel = await usable();
      const stream = tunnel.connect();
      const look = setTimeout(() => {
        if (!over && current === tunnel && !tunnel.answering()) void usable().catch(() => {});
      }, UNANSWERED_MS);
      stream.once('close', () => clearTimeout(look));
      return stream;
    },
    closed: closed.promise,
    close: () => end({ kind: 'abandoned', message: 'done' }),
  };
}
