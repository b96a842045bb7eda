// An export that one answer cannot carry: waits until its parts are written, and hands them on in their order, each checked.

import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { ExportParts, exportWaitWords } from '../../core/replay/exports.ts';
import { showBytes } from '../../core/text/amounts.ts';
import type { ApiClient } from '../api-client.ts';
import { Failure } from '../failure.ts';
import type { Output } from '../output.ts';

const POLL_MS = 2_000;
/** Of one part: its address has expired, or its store broke off. */
const TRIES = 3;
const PART_TIMEOUT_MS = 240_000;

/** `path`: of the whole; `first`: what was answered to it. A part is in memory whole before any of it is handed on. */
export async function* joinedParts(
  client: ApiClient,
  path: string,
  first: ExportParts,
  output: Output,
): AsyncGenerator<Uint8Array> {
  let now = first;
  for (let told = ''; now.state === 'rendering'; now = await client.get(`${path}&part=0`, ExportParts)) {
    const tells = now.waits
      ? exportWaitWords(now.waits)
      : `The recording is large, so it is read and the export written in parts${now.bytes > 0 ? `: ${showBytes(now.bytes)} so far` : ''}.`;
    if (tells !== told) output.note(tells);
    told = tells;
    await sleep(POLL_MS);
  }
  if (now.state === 'failed')
    throw new Failure(1, 'export_failed', 'one run of the export came no further than the one before: ask for less');
  for (let next = 0; next < now.count; ) {
    if (now.parts[0]?.number !== next) now = await client.get(`${path}&part=${next}`, ExportParts);
    if (now.parts[0]?.number !== next) throw changed();
    for (const part of now.parts) {
      yield await fetched(client, path, part);
      next++;
    }
  }
}

type Part = ExportParts['parts'][number];

async function fetched(client: ApiClient, path: string, wanted: Part): Promise<Uint8Array> {
  let part: Part | undefined = wanted;
  for (let tries = 1; ; tries++) {
    const bytes = await read(part.url, part.bytes);
    if (bytes && createHash('sha256').update(bytes).digest('hex') === wanted.sha256) return bytes;
    if (tries === TRIES)
      throw new Failure(3, 'answer_cut', `part ${wanted.number + 1} of the export did not come whole: try again`);
    const again: ExportParts = await client.get(`${path}&part=${wanted.number}`, ExportParts);
    part = again.parts[0];
    if (part?.number !== wanted.number || part.sha256 !== wanted.sha256) throw changed();
  }
}

const changed = () => new Failure(3, 'answer_cut', 'the export was written anew meanwhile: ask for it again');

/** From the store itself, without the token. undefined: it did not come, or is not as long as it should be. */
async function read(url: string, bytes: number): Promise<Uint8Array | undefined> {
  try {
    const answer = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(PART_TIMEOUT_MS) });
    if (!answer.ok || !answer.body) {
      await answer.body?.cancel();
      return undefined;
    }
    const whole = new Uint8Array(bytes);
    let filled = 0;
    for await (const chunk of answer.body) {
      if (filled + chunk.length > bytes) return undefined;
      whole.set(chunk, filled);
      filled += chunk.length;
    }
    return filled === bytes ? whole : undefined;
  } catch {
    return undefined;
  }
}
