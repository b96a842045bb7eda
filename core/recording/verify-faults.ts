// What can be wrong with a recording, and with which of its objects.

const FAULTS = [
  'manifest_missing',
  'manifest_damaged',
  'signature_wrong',
  'key_unknown',
  'key_replaced',
  'key_revoked',
  'object_unreadable',
  'segment_missing',
  'segment_damaged',
  'segment_unlisted',
  'segment_swapped',
  'original_missing',
  'original_altered',
  'chain_broken',
  'head_differs',
  'count_differs',
  'fact_damaged',
  'fact_of_other_version',
  'began_after_all',
  'stored_after_purge',
  'purge_not_ordered',
  'not_in_log',
  'catalogue_differs',
] as const;

export interface VerifyFault {
  /** The object's name, or `session`. */
  readonly object: string;
  readonly reason: (typeof FAULTS)[number];
  readonly message: string;
}
