// The thread that reads large texts for large-texts.ts.

import { parentPort } from 'node:worker_threads';
import type { ReadAnswer, ReadRequest } from './large-texts.ts';
import { loadParser, readStatements } from './parser.ts';

const port = parentPort;
if (!port) throw new Error('large-text-worker.ts runs as a worker thread only');
await loadParser();
port.on('message', ({ id, text, settings }: ReadRequest) => {
  port.postMessage({ id, read: readStatements(text, settings) } satisfies ReadAnswer);
});
