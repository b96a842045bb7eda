import type { Statement } from '../pipeline/statement.ts';

/** lo_open, lo_close, loread, lowrite, lo_lseek, lo_creat, lo_tell, lo_unlink, lo_create, lo_truncate and those of 64 bits, as drivers call them (pg_proc.dat). */
const LARGE_OBJECTS: ReadonlySet<number> = new Set([
  952, 953, 954, 955, 956, 957, 958, 964, 715, 1004, 3170, 3171, 3172,
]);
export const LOREAD = 954;
export const callsLargeObjects = ({ calls }: Statement): boolean => calls !== undefined && LARGE_OBJECTS.has(calls);
