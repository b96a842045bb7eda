// Types of PostgreSQL by OID (pg_type.dat), by what a masked value of each looks like.

export type CellKind =
  | 'text'
  | 'integer'
  | 'float'
  | 'numeric'
  | 'bool'
  | 'date'
  | 'timestamp'
  | 'time'
  | 'interval'
  | 'uuid'
  | 'inet'
  | 'macaddr'
  | 'bytea'
  | 'json'
  | 'jsonb'
  | 'text-array'
  /** NULL stands for it. */
  | 'other';

const KINDS: readonly (readonly [CellKind, readonly number[]])[] = [
  // char, name, text, unknown, bpchar, varchar, cstring, xml
  ['text', [18, 19, 25, 705, 1042, 1043, 2275, 142]],
  // int8, int2, int4, oid, xid, cid
  ['integer', [20, 21, 23, 26, 28, 29]],
  ['float', [700, 701]],
  ['numeric', [1700]],
  ['bool', [16]],
  ['date', [1082]],
  // timestamp, timestamptz
  ['timestamp', [1114, 1184]],
  // time, timetz
  ['time', [1083, 1266]],
  ['interval', [1186]],
  ['uuid', [2950]],
  // inet, cidr
  ['inet', [869, 650]],
  // macaddr, macaddr8
  ['macaddr', [829, 774]],
  ['bytea', [17]],
  ['json', [114]],
  ['jsonb', [3802]],
  // text[], varchar[], bpchar[], name[]
  ['text-array', [1009, 1015, 1014, 1003]],
];

const BY_OID = new Map(KINDS.flatMap(([kind, oids]) => oids.map((oid) => [oid, kind] as const)));

export const kindOf = (type: number): CellKind => BY_OID.get(type) ?? 'other';

/** Bytes of an integer in binary format. */
export const integerBytes = (type: number): 2 | 4 | 8 => (type === 20 ? 8 : type === 21 ? 2 : 4);

export const TEXT = 25;
/** Of arrays of text, what their elements are. */
export const ELEMENTS: ReadonlyMap<number, number> = new Map([
  [1009, TEXT],
  [1015, 1043],
  [1014, 1042],
  [1003, 19],
]);
export const FLOAT4 = 700;
export const XML = 142;
export const TIMETZ = 1266;
export const MACADDR8 = 774;

export type Format = 'text' | 'binary';
