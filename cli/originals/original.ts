// What masks hid in a session, opened on this machine with an auditor's identity. The archive hands it out sealed, after two
// people agreed; the key never leaves here.

import type { Command } from 'commander';
import { SessionId } from '../../core/ids.ts';
import { notKeptWords } from '../../core/recording/coverage-words.ts';
import { exportFrame } from '../../core/replay/exported-frame.ts';
import { segmentName } from '../../core/recording/segment.ts';
import { showBytes } from '../../core/text/amounts.ts';
import type { ApiClient } from '../api-client.ts';
import { checked, type Cli } from '../cli.ts';
import { Failure } from '../failure.ts';
import { saveStream } from '../files/save-stream.ts';
import { readIdentities } from './identity-file.ts';
import { OriginalsStream } from './originals-stream.ts';
import { openSessionKey, restoreSession } from './restore-session.ts';
import { lines } from '../terminal-text.ts';
import { verifyOne } from '../verification/verify-online.ts';

interface Options {
  readonly identity: string;
  readonly out?: string;
}

export function addOriginal(command: Command, cli: Cli): void {
  command
    .description(
      'Puts back what masks hid in a session, where its rule keeps that (record.originals):\n' +
        'NDJSON as `export` writes it, with what was hidden. It must be unlocked before, by two people.\n' +
        'Everything is proven on the way; what is sealed is opened on this machine.',
    )
    .argument('SESSION', 'its id, ses_...')
    .requiredOption('--identity <FILE>', 'your identity of age, as age-keygen writes it')
    .option('-o, --out <FILE>', 'write to FILE, only once it is whole (default: standard output)')
    .action(async (text: string, { identity, out }: Options, command: Command) => {
      const id = checked(SessionId, text, 'SESSION');
      const identities = await readIdentities(identity);
      const { client, output } = await cli.open(command);
      const { reports } = await verifyOne(client, id);
      const [report] = reports;
      const manifest = report?.manifest;
      if (!report?.proven || !manifest) {
        const why = report?.running
          ? 'it has not ended: its originals open when it is sealed'
          : report?.faults[0]?.message;
        throw new Failure(1, 'not_proven', `the recording is not proven: ${why ?? 'gatehouse verify says why'}`);
      }
      const key = await openSessionKey(manifest, identities, identity);
      const originals = new OriginalsStream(client.stream(`/sessions/${id}/originals`));
      const read = (number: number) => readSegment(client, id, number);
      const restored = restoreSession(id, manifest, key, read, originals);
      const startedMs = Date.parse(manifest.startedAt);
      const seen = { restored: 0 };
      const { notKept } = manifest.coverage;
      const left = notKept && notKeptWords(notKept);
      const body = async function* (): AsyncGenerator<Uint8Array> {
        try {
          for await (const { restored: again, ...frame } of restored) {
            if (again) seen.restored++;
            const exported = { ...exportFrame(startedMs, frame, base64), ...(again && { restored: true }) };
            yield Buffer.from(`${JSON.stringify(exported)}\n`);
          }
        } finally {
          await originals.close();
        }
      };
      if (out === undefined) {
        const decoder = new TextDecoder();
        for await (const chunk of body())
          await output.write(output.isTerminal ? lines(decoder.decode(chunk, { stream: true })) : chunk);
        output.note(`${seen.restored} frames were put back as they stood before masking.`);
        if (left !== undefined) output.note(`${left}.`);
        return;
      }
      const written = await saveStream(out, body());
      await output.answer({ session: id, file: out, bytes: written, restored: seen.restored, notKept }, () => {
        const put = `${out}: ${showBytes(written)}, ${seen.restored} frames put back as they stood before masking`;
        return left === undefined ? put : `${put}. ${left}`;
      });
    });
}

const readSegment = (client: ApiClient, session: SessionId, number: number): Promise<Uint8Array> =>
  client.bytes(`/sessions/${session}/objects/${segmentName(number)}`);

const base64 = ({ buffer, byteOffset, byteLength }: Uint8Array): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString('base64');
