// Bloom filters of search segments, as the catalogue's table keeps them.

import { z } from 'zod';
import type { CatalogueTable } from '../catalogue-table/table.ts';
import { bloomRow, scopePartition } from './rows.ts';

const Row = z.object({ sk: z.string(), bloom: z.instanceof(Uint8Array) });

/** undefined: there is none, which says nothing. */
export async function readBloom(table: CatalogueTable, scope: string, id: string): Promise<Uint8Array | undefined> {
  return Row.safeParse(await table.get({ pk: scopePartition(scope), sk: bloomRow(id) })).data?.bloom;
}
