// The certificate of the connector's listeners, from the edge's own authority. The key is made here
// and stays here. Kept in the state directory, so that a restart while the edge is away still
// serves TLS; renewed after two thirds of its life, and used for connections from then on.

import 'reflect-metadata'; // @peculiar/x509 asks for it, loaded before
import { Pkcs10CertificateRequestGenerator, SubjectAlternativeNameExtension } from '@peculiar/x509';
import { KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { createSecureContext, type SecureContext } from 'node:tls';
import { z } from 'zod';
import type { Certificate } from '../../core/connectors/join.ts';
import type { Result } from '../../core/result.ts';
import type { Logger } from '../logger.ts';
import { writeAtomically } from '../state/atomic-file.ts';
import { createBackoff } from './backoff.ts';
import type { EdgeFault } from './edge-http.ts';

/** Timers cannot wait longer than 24 days, and do not see the clock being set. */
const LONGEST_WAIT_MS = 60 * 60 * 1000;
const KEY_ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

const CertificateFile = z.object({
  format: z.literal(1),
  /** What it was asked for: other names on the next start need another certificate. */
  hosts: z.array(z.string()),
  /** PKCS #8, PEM. */
  key: z.string(),
  certificate: z.string(),
  authority: z.string(),
});
type CertificateFile = z.infer<typeof CertificateFile>;

export interface ListenerCertificate {
  /** What new connections use; undefined until the edge gave one. Never one that has ended. */
  current(): SecureContext | undefined;
  /** Resolves when there is one for the first time. */
  readonly available: Promise<void>;
  /** ISO 8601; undefined: none. */
  notAfter(): string | undefined;
  stop(): void;
}

export interface CertificateOptions {
  /** The state directory. */
  readonly directory: string;
  readonly connectorName: string;
  /** Names and addresses that clients use, for the certificate to be right under sslmode=verify-full. */
  readonly hosts: readonly string[];
  /** Asks the edge; `csr` in PEM. */
  readonly request: (csr: string) => Promise<Result<z.infer<typeof Certificate>, EdgeFault>>;
  /** Nothing is asked before: the edge certifies names that the connector has announced over its link. */
  readonly askAfter: Promise<void>;
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  readonly random?: () => number;
  readonly retry?: { readonly baseMs: number; readonly capMs: number };
}

export function keepCertificate(options: CertificateOptions): ListenerCertificate {
  const { log } = options;
  const now = options.now ?? Date.now;
  const path = join(options.directory, 'certificate.json');
  const retry = options.retry ?? { baseMs: 2_000, capMs: 300_000 };
  const backoff = createBackoff({ ...retry, random: options.random ?? Math.random });
  const available = Promise.withResolvers<void>();
  let held: { readonly context: SecureContext; readonly from: number; readonly until: number } | undefined;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  const kept = readKept(path, options.hosts);
  if (kept !== undefined) take(kept);
  options.askAfter.then(() => look());

  function take(file: CertificateFile): boolean {
    const x509 = new X509Certificate(file.certificate);
    const until = Date.parse(x509.validTo);
    if (until <= now()) return false;
    held = {
      context: createSecureContext({ key: file.key, cert: file.certificate, minVersion: 'TLSv1.2' }),
      from: Date.parse(x509.validFrom),
      until,
    };
    available.resolve();
    return true;
  }

  /** Renews when it is time, and comes back when it may be. */
  function look(soonestMs = 0): void {
    if (stopped) return;
    const renewAt = held === undefined ? now() : held.from + ((held.until - held.from) * 2) / 3;
    const wait = Math.max(renewAt - now(), soonestMs);
    if (wait > 0) {
      timer = setTimeout(look, Math.min(wait, LONGEST_WAIT_MS)).unref();
      return;
    }
    renew().then(
      () => {
        backoff.reset();
        // With a wrong clock a new certificate may look old: no tight loop then.
        look(retry.baseMs);
      },
      (error: unknown) => {
        if (stopped) return;
        const delay = backoff.nextMs();
        const message = error instanceof Error ? error.message : 'unknown error';
        log.warn('certificate.not_renewed', { message, retryInMs: delay, notAfter: notAfter() ?? null });
        timer = setTimeout(look, delay).unref();
      },
    );
  }

  async function renew(): Promise<void> {
    const made = await makeRequest(options.connectorName, options.hosts);
    const answer = await options.request(made.csr);
    if (!answer.ok) throw new Error(answer.error.message);
    const { certificate, authority } = answer.value;
    if (!new X509Certificate(certificate).checkPrivateKey(made.privateKey)) {
      throw new Error('the edge gave a certificate for another key');
    }
    const key = made.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const file: CertificateFile = { format: 1, hosts: [...options.hosts], key, certificate, authority };
    if (!take(file)) throw new Error('the edge gave a certificate that has ended already');
    log.info('certificate.renewed', { notAfter: notAfter() ?? null });
    try {
      writeAtomically(path, `${JSON.stringify(file)}\n`);
    } catch (error) {
      const message = `${path} cannot be written (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`;
      log.warn('certificate.not_kept', { message });
    }
  }

  const notAfter = (): string | undefined => (held === undefined ? undefined : new Date(held.until).toISOString());

  return {
    current: () => (held !== undefined && held.until > now() ? held.context : undefined),
    available: available.promise,
    notAfter,
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

/** What an earlier start kept, when it was for the same names and is whole. */
function readKept(path: string, hosts: readonly string[]): CertificateFile | undefined {
  try {
    const file = CertificateFile.parse(JSON.parse(readFileSync(path, 'utf8')));
    return file.hosts.join('\n') === hosts.join('\n') ? file : undefined;
  } catch {
    return undefined;
  }
}

async function makeRequest(name: string, hosts: readonly string[]) {
  const keys = await crypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify']);
  const names = hosts.map((value) => ({ type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const), value }));
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: [name] }],
    keys,
    signingAlgorithm: KEY_ALGORITHM,
    extensions: [new SubjectAlternativeNameExtension(names)],
  });
  return { csr: request.toString('pem'), privateKey: KeyObject.from(keys.privateKey) };
}
