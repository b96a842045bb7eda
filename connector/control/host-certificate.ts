// The certificate of a listener's host key, from the edge's authority for hosts: asked for once the key was announced, and again
// after two thirds of its life. Kept in memory alone: without the edge nobody is let in, and clients that know the plain key see that.

import type { z } from 'zod';
import type { HostCertified } from '../../core/connectors/join.ts';
import type { Result } from '../../core/result.ts';
import type { Logger } from '../logger.ts';
import { createBackoff } from './backoff.ts';
import type { EdgeFault } from './edge-http.ts';

/** Timers cannot wait longer than 24 days, and do not see the clock being set. */
const LONGEST_WAIT_MS = 60 * 60 * 1000;
const RETRY = { baseMs: 2_000, capMs: 300_000 };

interface HostCertificateOptions {
  readonly request: () => Promise<Result<z.infer<typeof HostCertified>, EdgeFault>>;
  /** Gives the certificate's end; undefined: it is no use. */
  readonly present: (certificate: string) => number | undefined;
  /** Nothing is asked before: the edge certifies keys that the connector has announced over its link. */
  readonly askAfter: Promise<void>;
  readonly log: Logger;
  readonly retry?: typeof RETRY;
  readonly now?: () => number;
}

/** Gives how to stop. */
export function keepHostCertificate(options: HostCertificateOptions): () => void {
  const { log, now = Date.now, retry = RETRY } = options;
  const backoff = createBackoff({ ...retry, random: Math.random });
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let renewAt = 0;

  function look(): void {
    if (stopped) return;
    const wait = renewAt - now();
    if (wait <= 0) return void renew();
    timer = setTimeout(look, Math.min(wait, LONGEST_WAIT_MS)).unref();
  }

  async function renew(): Promise<void> {
    const asked = now();
    const answer = await options.request();
    if (stopped) return;
    const until = answer.ok ? options.present(answer.value.certificate) : undefined;
    if (until !== undefined) {
      backoff.reset();
      log.info('host_certificate.renewed', { notAfter: new Date(until).toISOString() });
      // With a wrong clock a new one may look old: no tight loop then.
      renewAt = asked + Math.max(((until - asked) * 2) / 3, retry.baseMs);
      return look();
    }
    const delay = backoff.nextMs();
    const message = answer.ok
      ? 'the edge gave a certificate that is not of this key, or does not hold now'
      : answer.error.message;
    log.warn('host_certificate.not_renewed', { message, retryInMs: delay });
    timer = setTimeout(() => void renew(), delay).unref();
  }

  options.askAfter.then(look);
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}
