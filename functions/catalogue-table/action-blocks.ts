// Actions as stored: packed into compressed blocks, since one item each would cost a write unit
// an action and, at a benchmark's pace, more writes than a partition takes.

import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { z } from 'zod';
import type { ActionEntry } from '../../core/catalogue.ts';
import type { SessionId } from '../../core/ids.ts';
import type { ActionEnd } from '../facts/action-ends.ts';
import { StoredAction, StoredEnd } from './earlier-actions.ts';
import { actionsRow, finishRow, sessionPartition } from './schema.ts';
import type { SegmentContents } from './segment-contents.ts';
import type { Item, ItemKey } from './table.ts';

/** A page of actions reads one or two blocks. */
const BLOCK_ACTIONS = 500;
/** With one action more it stays below DynamoDB's 400 KB an item even when nothing compresses. */
const BLOCK_BYTES = 128 * 1024;
/** Above what BLOCK_BYTES and one action can give: a guard against a damaged row, not a limit of the format. */
const MAX_BLOCK_BYTES = 1024 * 1024;

const Block = z.object({ body: z.instanceof(Uint8Array) });
const Finish = z.object({ end: StoredEnd });

export function actionItems(session: SessionId, segment: number, contents: SegmentContents): (Item & ItemKey)[] {
  const pk = sessionPartition(session);
  const items: (Item & ItemKey)[] = [];
  let block: string[] = [];
  let bytes = 0;
  let first = 0;
  const close = () => {
    if (block.length === 0) return;
    const body = new Uint8Array(zstdCompressSync(`[${block.join(',')}]`));
    items.push({ pk, sk: actionsRow(first, segment), body });
    block = [];
    bytes = 0;
  };
  for (const action of contents.actions) {
    if (block.length === BLOCK_ACTIONS || bytes >= BLOCK_BYTES) close();
    if (block.length === 0) first = action.action;
    const json = JSON.stringify(action);
    block.push(json);
    bytes += Buffer.byteLength(json);
  }
  close();
  for (const end of contents.laterEnds) items.push({ pk, sk: finishRow(end.action, segment), end });
  return items;
}

export function readBlock(item: Item): ActionEntry[] {
  const text = zstdDecompressSync(Block.parse(item).body, { maxOutputLength: MAX_BLOCK_BYTES }).toString();
  return z.array(StoredAction).parse(JSON.parse(text));
}

export const readEnd = (item: Item): ActionEnd => Finish.parse(item).end;
