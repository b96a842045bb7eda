// Documents from the catalogue's rows, as they are now.

import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { z } from 'zod';
import type { ActionEntry } from '../../core/catalogue.ts';
import type { SessionId } from '../../core/ids.ts';
import { actionDocument } from '../../core/search/action-document.ts';
import { DocumentBody, type SearchDocument, type SearchedSession } from '../../core/search/document.ts';
import { readBlock } from '../catalogue-table/action-blocks.ts';
import { withLaterEnds } from '../catalogue-table/later-ends.ts';
import { actionsRow, SESSION_ROW, sessionPartition } from '../catalogue-table/schema.ts';
import type { CatalogueTable, Item, ItemKey } from '../catalogue-table/table.ts';
import type { Waiting } from './rows.ts';

const SAID_BYTES = 128 * 1024;
const MAX_SAID_BYTES = 1024 * 1024;
const Said = z.object({ body: z.instanceof(Uint8Array) });

/** What was said in one recorded segment, as the catalogue keeps it for the index. */
export function saidItems(session: SessionId, segment: number, said: readonly DocumentBody[]): (Item & ItemKey)[] {
  const items: (Item & ItemKey)[] = [];
  let block: string[] = [];
  let bytes = 0;
  const close = () => {
    if (block.length === 0) return;
    const sk = `said#${String(segment).padStart(8, '0')}#${String(items.length).padStart(4, '0')}`;
    items.push({ pk: sessionPartition(session), sk, body: new Uint8Array(zstdCompressSync(`[${block.join(',')}]`)) });
    block = [];
    bytes = 0;
  };
  for (const each of said) {
    const json = JSON.stringify(each);
    if (bytes >= SAID_BYTES) close();
    block.push(json);
    bytes += Buffer.byteLength(json);
  }
  close();
  return items;
}

function readSaid(item: Item): DocumentBody[] {
  const text = zstdDecompressSync(Said.parse(item).body, { maxOutputLength: MAX_SAID_BYTES }).toString();
  return z.array(DocumentBody).parse(JSON.parse(text));
}

/** Of what waits of one session and scope. Each once, in no order; what the catalogue no longer has, or of a session that was purged, is left out. */
export async function waitingDocuments(table: CatalogueTable, waiting: readonly Waiting[]): Promise<SearchDocument[]> {
  const bySession = new Map<SessionId, Waiting[]>();
  for (const each of waiting) {
    const { session } = each.session;
    bySession.set(session, [...(bySession.get(session) ?? []), each]);
  }
  const documents: SearchDocument[] = [];
  for (const [id, parts] of bySession) {
    const pk = sessionPartition(id);
    const session = parts[0]?.session;
    if (!session) continue;
    // Written by an event that was under way when the session was purged: nobody takes it out again.
    if ((await table.get({ pk, sk: SESSION_ROW }))?.purged !== undefined) continue;
    const keys = (names: readonly string[]) => [...new Set(names)].map((sk) => ({ pk, sk }));
    const [blocks, said] = await Promise.all([
      table.getAll(keys(parts.flatMap((part) => part.blocks)), true),
      table.getAll(keys(parts.flatMap((part) => part.said)), true),
    ]);
    const actions = new Map<number, ActionEntry>();
    for (const action of blocks.flatMap(readBlock)) actions.set(action.action, action);
    for (const number of parts.flatMap(({ touched }) => touched)) {
      const action = actions.has(number) ? undefined : await storedAction(table, id, number);
      if (action) actions.set(number, action);
    }
    documents.push(...(await actionDocuments(table, session, [...actions.values()])));
    for (const body of said.flatMap(readSaid)) documents.push({ session, body });
  }
  return documents;
}

/** One action as it is known by now; undefined: the catalogue does not have it. */
export async function documentNow(
  table: CatalogueTable,
  session: SearchedSession,
  action: number,
): Promise<SearchDocument | undefined> {
  const found = await storedAction(table, session.session, action);
  return found && (await actionDocuments(table, session, [found]))[0];
}

async function actionDocuments(
  table: CatalogueTable,
  session: SearchedSession,
  actions: readonly ActionEntry[],
): Promise<SearchDocument[]> {
  const inOrder = [...actions].sort((a, b) => a.action - b.action);
  const whole = await withLaterEnds(table, session.session, inOrder);
  return whole.map((action) => ({ session, body: actionDocument(action) }));
}

/** Without what came of it later. */
async function storedAction(
  table: CatalogueTable,
  session: SessionId,
  number: number,
): Promise<ActionEntry | undefined> {
  const { items } = await table.query({
    KeyConditionExpression: 'pk = :pk AND sk BETWEEN :first AND :last',
    ExpressionAttributeValues: {
      ':pk': sessionPartition(session),
      ':first': 'actions#',
      ':last': `${actionsRow(number, 0).slice(0, -8)}~`,
    },
    ConsistentRead: true,
    ScanIndexForward: false,
    Limit: 1,
  });
  return items.flatMap(readBlock).find(({ action }) => action === number);
}
