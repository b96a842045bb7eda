// Whether a request comes from Slack: https://docs.slack.dev/authentication/verifying-requests-from-slack
//
//   X-Slack-Request-Timestamp  seconds
//   X-Slack-Signature          `v0=` and hex of HMAC-SHA-256(signing secret, "v0:timestamp:body")
//
// over the bytes of the body as they came.

import { err, ok, type Result } from '../../core/result.ts';
import type { Secret } from '../../core/secret.ts';

/** Slack's own advice. */
export const SIGNATURE_WINDOW_MS = 5 * 60_000;

type SignatureFault = 'signature_missing' | 'timestamp_wrong' | 'signature_wrong';

/** The signature's hex: of no use to anybody, and different for every request. */
export async function checkSlackSignature(
  headers: Headers,
  body: Uint8Array<ArrayBuffer>,
  signingSecret: Secret<string>,
  nowMs: number,
): Promise<Result<string, SignatureFault>> {
  const timestamp = headers.get('x-slack-request-timestamp') ?? '';
  const hex = /^v0=([0-9a-f]{64})$/.exec(headers.get('x-slack-signature') ?? '')?.[1];
  if (hex === undefined || !/^\d{1,12}$/.test(timestamp)) return err('signature_missing');
  if (Math.abs(nowMs - Number(timestamp) * 1000) > SIGNATURE_WINDOW_MS) return err('timestamp_wrong');
  const encoder = new TextEncoder();
  const head = encoder.encode(`v0:${timestamp}:`);
  const signed = new Uint8Array(head.length + body.length);
  signed.set(head);
  signed.set(body, head.length);
  const raw = encoder.encode(signingSecret.reveal());
  const key = await crypto.subtle.importKey('raw', raw, { name: 'HMAC', hash: 'SHA-256' }, false, ['verify']);
  const mac = Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
  // WebCrypto compares in constant time.
  return (await crypto.subtle.verify('HMAC', key, mac, signed)) ? ok(hex) : err('signature_wrong');
}
