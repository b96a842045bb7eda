// Proof that bytes have been through masking. Only `mask` makes it, so what a client or a recording
// gets cannot be unmasked by mistake: it would not compile. And whatever goes wrong inside withholds.

declare const masked: unique symbol;
/** Bytes that may be shown and recorded. */
export type Masked = Uint8Array & { readonly [masked]: true };

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
