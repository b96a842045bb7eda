// Public keys that sign their person in over SSH, while they hold a live grant.

import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { KeyFingerprint, KeyList, RegisteredKey } from '../../core/api.ts';
import { fingerprintOf, readPublicLine } from '../../core/ssh/public-key.ts';
import { checked, type Cli } from '../cli.ts';
import { usage } from '../failure.ts';
import { codeOf } from '../files/file-error.ts';
import { time } from '../output.ts';
import { line } from '../terminal-text.ts';

export function addKeys(command: Command, cli: Cli): void {
  const keys = command.helpCommand(false).action(async (_options: object, command: Command) => {
    const { client, output } = await cli.open(command);
    const list = await client.get('/keys', KeyList);
    await output.answer(list, () =>
      output.table(
        ['KEY', 'TYPE', 'NAME', 'ADDED', 'UNTIL'],
        list.keys.map((key) => [key.fingerprint, key.type, key.name, time(key.addedAt), time(key.expiresAt)]),
        'No keys. Register one with gatehouse keys add FILE.',
      ),
    );
  });
  keys
    .command('add')
    .description('register a public key: it signs you in over SSH while you hold a live grant')
    .argument('FILE', 'one that ends in .pub')
    .option('--name <TEXT>', 'to tell it from others (default: the comment in the file)')
    .action(async (file: string, options: { name?: string }, command: Command) => {
      const publicKey = await publicKeyIn(file);
      const name = options.name ?? publicKey.split(' ').slice(2).join(' ').slice(0, 100);
      const { client, output } = await cli.open(command);
      const added = await client.post('/keys', { publicKey, name }, RegisteredKey);
      await output.answer(added, () => `${line(added.fingerprint)} signs you in until ${time(added.expiresAt)}.`);
    });
  keys
    .command('remove')
    .description('remove a registered key; sessions that run go on')
    .argument('KEY', 'its fingerprint, SHA256:..., or its file')
    .action(async (key: string, _options: object, command: Command) => {
      const fingerprint = key.startsWith('SHA256:')
        ? checked(KeyFingerprint, key, 'KEY')
        : await fingerprintOf(readPublicLine(await publicKeyIn(key))?.blob ?? new Uint8Array());
      const { client, output } = await cli.open(command);
      const removed = await client.post('/keys/remove', { fingerprint }, RegisteredKey);
      await output.answer(removed, () => `${line(removed.fingerprint)} signs nobody in any more.`);
    });
}

/** Its one line. A private key is not sent anywhere, whoever names its file. */
async function publicKeyIn(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw usage(`cannot read ${file}: ${codeOf(error)}`);
  });
  if (text.includes('PRIVATE KEY')) throw usage(`${file} is a private key: name the file that ends in .pub`);
  if (!readPublicLine(text))
    throw usage(`${file} is no public key that can be registered: Ed25519, ECDSA, or RSA of 2048 to 8192 bits`);
  return text.trim();
}
