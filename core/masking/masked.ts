// Proof that bytes have been through masking. Only `mask` makes it, so what a client or a recording
// gets cannot be unmasked by mistake: it would not compile. And whatever goes wrong inside withholds.

declare const masked: unique symbol;
/** Bytes that may be shown and recorded. */
export type Masked = Uint8Array & { readonly [masked]: true };

declare const untouched: unique symbol;
/** Bytes that no rule touches, as they came: nothing is masked, or a plan said that they pass. Or words of the gateway's own. */
type Untouched = Uint8Array & { readonly [untouched]: true };

/** Says so. Whoever calls this answers for it: it is for those who read the rules or the plan, and for nobody else. */
export const passUntouched = <Bytes extends Uint8Array>(bytes: Bytes): Bytes & Untouched => bytes as Bytes & Untouched;

/** What a client may be sent. */
export type ForClient = Masked | Untouched;

/** A part of such bytes, or of several of them in their order: cut or joined anew, and nothing else among it. */
export const partOf = <Bytes extends Uint8Array>(part: Bytes, _whole: ForClient): Bytes & ForClient =>
  part as Bytes & ForClient;

/** Something was withheld that no rule named. Holds no data of the session. */
export interface Incident {
  readonly kind: 'mask.withheld';
  readonly reason: /** Masking failed; a bug, or a way that threw. */
    | 'masking_failed'
    /** It is not known which columns a result column is made of. */
    | 'lineage_unknown'
    /** A row came of which no description is known. */
    | 'result_unknown'
    /** COPY data in a form that is not known. */
    | 'copy_unknown'
    /** Text in an encoding in which letters cannot be told from trail bytes. */
    | 'encoding_unsafe'
    /** The target's catalogue could not be read. */
    | 'catalogue_unavailable'
    /** A message of the target quotes data that may be masked. */
    | 'message_quotes_data';
  /** Place of the column, from 1. */
  readonly column?: number;
}
export type Incidents = (incident: Incident) => void;

/** Makes masked bytes of bytes; may keep some back until more is known. */
export interface Masking {
  /** Must not give bytes that a rule hides. */
  apply(bytes: Uint8Array): readonly Uint8Array[];
  /** Called when `apply` threw: nothing of what it held is shown, now or later. */
  fail(error: unknown): void;
}

/** The one way from bytes to Masked. Never throws: what fails is withheld whole. */
export function mask(masking: Masking, bytes: Uint8Array): readonly Masked[] {
  try {
    return masking.apply(bytes) as readonly Masked[];
  } catch (error) {
    try {
      masking.fail(error);
    } catch {
      // It is withheld all the same.
    }
    return [];
  }
}
