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
  /** Arrays, ranges, composites, enums, types of extensions. */
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

/** Arrays whose elements have masked forms of their own, by what they hold. */
const ELEMENTS: ReadonlyMap<number, number> = new Map([
  [1000, 16],
  [1001, 17],
  [1005, 21],
  [1007, 23],
  [1016, 20],
  [1028, 26],
  [1021, 700],
  [1022, 701],
  [1231, 1700],
  [1182, 1082],
  [1115, 1114],
  [1185, 1184],
  [1183, 1083],
  [1270, 1266],
  [1187, 1186],
  [2951, 2950],
  [1041, 869],
  [651, 650],
  [1009, 25],
  [1015, 1043],
  [1014, 1042],
  [1003, 19],
]);

export const elementOf = (type: number): number | undefined => ELEMENTS.get(type);

/** Whether a masked value of it can be told from a real one: a number, a day or an address cannot. */
export function looksMasked(type: number, format: Format): boolean {
  const kind = kindOf(type);
  if (kind === 'other') return elementOf(type) === undefined && format === 'text';
  return ['text', 'json', 'jsonb', 'text-array', 'bytea'].includes(kind);
}

/** Bytes of an integer in binary format. */
export const integerBytes = (type: number): 2 | 4 | 8 => (type === 20 ? 8 : type === 21 ? 2 : 4);

export const TEXT = 25;
export const FLOAT4 = 700;
export const XML = 142;
export const TIMETZ = 1266;
export const MACADDR8 = 774;

export type Format = 'text' | 'binary';
