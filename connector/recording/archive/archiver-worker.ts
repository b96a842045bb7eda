// The archiver's thread: builds what the archiver needs from plain data, and passes messages.

import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { Archiver } from './archiver.ts';
import type { FromArchiver, SigningKey, ToArchiver, WorkerInput } from './archiver-messages.ts';
import { CommittedPosition } from '../wal/committed-position.ts';
import { openObjectStore } from '../store/open-object-store.ts';
import { type ManifestSigner, manifestSigner } from './sign-manifest.ts';

const DRAIN_POLL_MS = 50;
const BACKLOG_MS = 1_000;

/**
 * Sessions come first: this thread's work can wait a moment, theirs cannot. At 10 the scheduler still gives it
 * about a tenth of a processor when all are taken, which is what the archive of 16,000 queries/s needs.
 */
const NICENESS = 10;

const port = parentPort;
if (!port) throw new Error('archiver-worker.ts runs as a worker thread only');
// On Linux a thread has a niceness of its own (sched(7)); elsewhere this would slow the whole process.
if (process.platform === 'linux') setPriority(NICENESS);
const input = workerData as WorkerInput;
const committed = new CommittedPosition(input.committed);
const send = (message: FromArchiver): void => port.postMessage(message);

const signerOf = ({ key, earlierKeys }: SigningKey): ManifestSigner => manifestSigner(key, earlierKeys);
let signing = signerOf(input.signing);

const archiver = new Archiver({
  ...input,
  signer: () => signing,
  store: openObjectStore(input.store, input.directory, (reason, message) =>
    send({ kind: 'report', report: { kind: 'connector.fault', reason, message, at: new Date().toISOString() } }),
  ),
  live: new Set(input.live),
  committed: () => committed.read(),
  now: () => Date.now(),
  random: () => Math.random(),
  onReport: (report) => send({ kind: 'report', report }),
  onRecovered: (unbegun) => send({ kind: 'recovered', unbegun }),
  onFinished: (session) => send({ kind: 'finished', session }),
});
for (const end of input.ends) archiver.end(end);

let last = '';
const backlogTimer = setInterval(() => {
  const backlog = archiver.backlog;
  const text = JSON.stringify(backlog);
  if (text === last) return;
  last = text;
  send({ kind: 'backlog', backlog });
}, BACKLOG_MS);

port.on('message', (message: ToArchiver) => {
  switch (message.kind) {
    case 'end':
      archiver.end(message.end);
      return;
    case 'sessions_run':
      archiver.sessionsRun(message.may);
      return;
    case 'signing':
      signing = signerOf(message.signing);
      return;
    case 'drain':
      drain();
      return;
    case 'close':
      clearInterval(backlogTimer);
      void archiver.close().then(() => {
        send({ kind: 'closed' });
        port.close();
      });
      return;
  }
});

function drain(): void {
  if (archiver.flush()) send({ kind: 'drained', backlog: archiver.backlog });
  else setTimeout(drain, DRAIN_POLL_MS);
}

// A rejection is thrown, ends the thread, and is seen by recording-log.ts.
void archiver.run();
