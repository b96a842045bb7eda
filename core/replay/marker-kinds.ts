// What is marked in a replay (markers.ts).

export const MARKER_KINDS = [
  'action',
  'error',
  'refusal',
  'hold',
  'mask',
  'file',
  'forward',
  'resize',
  'other',
] as const;
export type MarkerKind = (typeof MARKER_KINDS)[number];
