// Public keys that sign their person in over SSH, while they hold a live grant.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { text as readText } from 'node:stream/consumers';
import type { Command } from 'commander';
import { KeyFingerprint, KeyList, Me, RegisteredKey } from '../../core/api.ts';
import { REGISTRATION_NAMESPACE, registrationText } from '../../core/ssh/key-registration.ts';
import { fingerprintOf, readPublicLine } from '../../core/ssh/public-key.ts';
import { checked, type Cli } from '../cli.ts';
import { usage } from '../failure.ts';
import { codeOf, isCode } from '../files/file-error.ts';
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
      const { email } = (await client.get('/me', Me)).identity;
      const signature = await signedBy(file, registrationText(email, client.origin));
      const added = await client.post('/keys', { publicKey, name, signature }, RegisteredKey);
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

/** By its private half, which stands beside it or is in an agent: ssh-keygen asks for its passphrase. */
async function signedBy(file: string, text: string): Promise<string> {
  const child = spawn('ssh-keygen', ['-q', '-Y', 'sign', '-n', REGISTRATION_NAMESPACE, '-f', file], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin.on('error', () => {});
  child.stdin.end(text);
  const [signature, code] = await Promise.all([
    readText(child.stdout),
    once(child, 'close').then(([code]) => code as number | null),
  ]).catch((error: unknown) => {
    if (isCode(error, 'ENOENT'))
      throw usage('there is no ssh-keygen here: install the OpenSSH client (Debian: openssh-client)');
    throw error;
  });
  if (code !== 0) throw usage(`${file} cannot sign: its private half is neither beside it nor in an agent`);
  return signature;
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
