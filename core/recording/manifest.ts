// A session's manifest: what the recording is made of and what it claims, signed by the connector.
// The object is a DSSE envelope (Dead Simple Signing Envelope, v1.0.2): the signature covers the
// exact payload bytes, so no canonical JSON is needed.

import { z } from 'zod';
import { ConnectorId, SessionId } from '../ids.ts';
import { EndReason, SessionOpened } from './facts/session.ts';
import { FormatVersion } from './format-version.ts';
import { LaneCoverage } from './lane-coverage.ts';
import { Digest, type RecordingPlatform, SealedOriginal, toHex } from './segment.ts';

/** Its object's name beside the segments. */
export const MANIFEST_NAME = 'manifest.json';

/** DSSE's payload type. */
const payloadTypeOf = (format: FormatVersion): string => `application/vnd.gatehouse.manifest.v${format}+json`;

const PAYLOAD_TYPES: ReadonlySet<string> = new Set([...FormatVersion.values].map(payloadTypeOf));

export const ManifestSegment = z.object({
  number: z.number().int().min(0),
  digest: Digest,
  /** Size of the stored object. */
  bytes: z.number().int(),
  rawBytes: z.number().int(),
  firstFrame: z.number().int(),
  frames: z.number().int(),
  /** As in the segment's header. */
  original: SealedOriginal.optional(),
});
export type ManifestSegment = z.infer<typeof ManifestSegment>;

const Counts = z.object({
  frames: z.number().int(),
  /** What somebody did, whatever it is: statements, commands, exchanges. */
  actions: z.number().int(),
  /** Of databases. */
  statements: z.number().int(),
  /** Statements that failed or were refused; of other actions, those that were refused. */
  errors: z.number().int(),
  rows: z.number().int(),
  /** Recorded wire bytes by who sent them. */
  bytes: z.object({ client: z.number().int(), target: z.number().int(), gateway: z.number().int() }),
});
export type SessionCounts = z.infer<typeof Counts>;

/** Format version 1 counted no other actions than statements. */
export const SessionCounts = z.preprocess(
  (counts) =>
    typeof counts === 'object' && counts !== null && 'statements' in counts
      ? { actions: counts.statements, ...counts }
      : counts,
  Counts,
);

export const NOTHING_COUNTED: SessionCounts = {
  frames: 0,
  actions: 0,
  statements: 0,
  errors: 0,
  rows: 0,
  bytes: { client: 0, target: 0, gateway: 0 },
};

/** What this recording can and cannot show. */
export const Coverage = z.object({
  lanes: LaneCoverage,
  /** Mask rules that changed something, with how often. */
  masked: z.array(z.object({ rule: z.string(), count: z.number().int() })),
  /**
   * Values that the client sent and the recording does not show, by mask rule or by reason (`secret`, `typed`, `not_certain`, `too_long`):
   * every statement is there, and these parts of them are written over. Missing: none.
   */
  hidden: z.array(z.object({ by: z.string(), count: z.number().int() })).optional(),
  /** What was withheld that no rule named, by reason. Missing: nothing was. */
  withheld: z.array(z.object({ reason: z.string(), count: z.number().int() })).optional(),
  /** What the gateway refused, by reason. */
  refused: z.array(z.object({ reason: z.string(), count: z.number().int() })),
  /** What masks hid is kept, sealed: of how many frames, in how many bytes, to how many keys. Missing: nothing of it is. */
  originals: z.object({ frames: z.number().int(), bytes: z.number().int(), keys: z.number().int() }).optional(),
  /** Of what masks hid and a rule keeps, what is not kept, by reason (`too_large`, `secret`). Missing: nothing. */
  notKept: z.array(z.object({ reason: z.string(), count: z.number().int() })).optional(),
  /** How many it had, where others joined the first. Missing: one. */
  connections: z.number().int().min(2).optional(),
  /** Policy choices not to record something, each by its reason. */
  exemptions: z.array(z.string()),
});
export type Coverage = z.infer<typeof Coverage>;

export const Manifest = z.object({
  format: FormatVersion,
  session: SessionId,
  connector: z.object({
    id: ConnectorId,
    name: z.string(),
    build: z.string(),
    /** Raw Ed25519 public key, base64url. A verifier compares it with the one the edge registered. */
    key: z.string(),
  }),
  /** Missing only when a crash left a session without its first frame. */
  opened: SessionOpened.optional(),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime(),
  durationUs: z.number().int(),
  segments: z.array(ManifestSegment),
  counts: SessionCounts,
  end: z.object({ reason: EndReason, message: z.string() }),
  coverage: Coverage,
});
export type Manifest = z.infer<typeof Manifest>;

export const Envelope = z.object({
  payloadType: z.string(),
  /** Base64 of the manifest's JSON. */
  payload: z.base64(),
  signatures: z.array(z.object({ keyid: z.string(), sig: z.base64() })).length(1),
});
type Envelope = z.infer<typeof Envelope>;

/** DSSE's pre-authentication encoding: the bytes that are signed. */
export function preAuthEncoding(format: FormatVersion, payload: Uint8Array): Uint8Array {
  const payloadType = payloadTypeOf(format);
  const type = new TextEncoder().encode(payloadType);
  const head = new TextEncoder().encode(`DSSEv1 ${type.length} ${payloadType} ${payload.length} `);
  const out = new Uint8Array(head.length + payload.length);
  out.set(head);
  out.set(payload, head.length);
  return out;
}

export class ManifestDamage extends Error {}

/**
 * The one way an envelope is written: members in this order, no white space, base64 with padding.
 * `keyid` is the manifest's `connector.key`: a hint, since nothing is trusted because of it.
 */
export function encodeManifest(
  format: FormatVersion,
  payload: Uint8Array,
  signature: Uint8Array,
  keyid: string,
): Uint8Array {
  const envelope: Envelope = {
    payloadType: payloadTypeOf(format),
    payload: toBase64(payload),
    signatures: [{ keyid, sig: toBase64(signature) }],
  };
  return new TextEncoder().encode(JSON.stringify(envelope));
}

export interface DecodedManifest {
  readonly manifest: Manifest;
  /** Raw, as the manifest names it. Whether it is the connector's is the caller's question. */
  readonly publicKey: Uint8Array;
  /** Whether the signature verifies with that key. */
  readonly signed: boolean;
  /** SHA-256 of the object in hex: what the edge witnesses. */
  readonly digest: string;
}

/** Throws ManifestDamage for what no connector writes, down to the byte. */
export function decodeManifest(bytes: Uint8Array, platform: RecordingPlatform): DecodedManifest {
  const envelope = Envelope.safeParse(parseJson(bytes, 'it'));
  if (!envelope.success) throw new ManifestDamage('it is not a signed envelope of this format');
  if (!PAYLOAD_TYPES.has(envelope.data.payloadType))
    throw new ManifestDamage('its format is not known to this reader: a newer release may have written it');
  const [signed] = envelope.data.signatures;
  const payload = fromBase64(envelope.data.payload);
  const signature = fromBase64(signed?.sig ?? '');
  const parsed = Manifest.safeParse(parseJson(payload, 'its payload'));
  if (!parsed.success)
    throw new ManifestDamage(`its payload is wrong at ${parsed.error.issues[0]?.path.join('.') ?? '?'}`);
  const { format, connector } = parsed.data;
  const publicKey = fromBase64(connector.key.replaceAll('-', '+').replaceAll('_', '/'));
  // The signature covers the payload only. Written anew and compared, every other byte counts too.
  const canonical = encodeManifest(format, payload, signature, connector.key);
  if (!sameBytes(canonical, bytes)) throw new ManifestDamage('its envelope is not written as the format says');
  return {
    manifest: parsed.data,
    publicKey,
    signed: platform.verifyEd25519(publicKey, preAuthEncoding(format, payload), signature),
    digest: toHex(platform.sha256(bytes)),
  };
}

function parseJson(bytes: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    throw new ManifestDamage(`${what} is not JSON`);
  }
}

function toBase64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
}

function fromBase64(text: string): Uint8Array {
  try {
    return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  } catch {
    throw new ManifestDamage('it holds base64 that is none');
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}
