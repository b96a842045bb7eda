// Connectors' keys over HTTP, for the edge, which tells each when it changes:
//
//   PUT /connectors/CONNECTOR/keys   {"note": "..."}, signed by the edge (core/connectors/connector-keys.ts)
//
// What it did not sign is refused here already, and looked at again whenever it is used: this address is not the table's only way in.

import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { z } from 'zod';
import { readKeysNote } from '../core/tlog/keys-note.ts';
import { ConnectorId } from '../core/ids.ts';
import { CONNECTOR_KEYS } from './catalogue-table/schema.ts';
import type { CatalogueTable } from './catalogue-table/table.ts';

const MAX_NOTE_BYTES = 66 * 1024;
const Told = z.object({ note: z.string().max(MAX_NOTE_BYTES) });

/** `edgeKey`: undefined: none is set. Notes are kept all the same, for when one is. */
export function connectorKeyRoutes(deps: {
  readonly table: CatalogueTable;
  readonly edgeKey: string | undefined;
}): Hono {
  const app = new Hono();
  const problem = (c: Context, status: 400, message: string) =>
    c.json({ error: { reason: 'bad_request', message } }, status);
  app.use(
    bodyLimit({ maxSize: 2 * MAX_NOTE_BYTES, onError: (c) => problem(c, 400, 'a note of keys has at most 64 KiB') }),
  );
  app.put('/:connector/keys', async (c) => {
    const connector = ConnectorId.safeParse(c.req.param('connector'));
    const told = Told.safeParse(await c.req.json().catch(() => undefined));
    if (!connector.success || !told.success) return problem(c, 400, 'expected a note, and whose keys it is of');
    const { note } = told.data;
    const keys = deps.edgeKey === undefined ? undefined : await readKeysNote(note, connector.data, deps.edgeKey);
    if (keys?.ok === false) return problem(c, 400, `the note of keys is not taken: ${keys.error}`);
    await keep(deps.table, connector.data, note, keys?.value.version ?? versionIn(note));
    return c.body(null, 204);
  });
  return app;
}

/** Nothing is believed of it: what came in disorder only must not take the place of what is newer. */
const versionIn = (note: string): number => Number(note.split('\n', 3)[2] ?? 0) || 0;

/** What is there and newer stays: the edge told it twice, and the first came last. A row of somebody else's is no obstacle. */
async function keep(table: CatalogueTable, connector: ConnectorId, note: string, version: number): Promise<void> {
  await table.update({
    Key: { pk: CONNECTOR_KEYS, sk: connector },
    UpdateExpression: 'SET note = :note, #version = :version',
    ConditionExpression:
      'attribute_not_exists(#version) OR NOT attribute_type(#version, :number) OR #version <= :version',
    ExpressionAttributeNames: { '#version': 'version' },
    ExpressionAttributeValues: { ':note': note, ':version': version, ':number': 'N' },
  });
}
