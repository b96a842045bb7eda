// The authority that signs connectors' listener certificates, for `sslmode=verify-full`.

import { X509Certificate } from 'node:crypto';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { Failure } from '../failure.ts';
import { saveText } from '../files/save-stream.ts';

export function addCa(command: Command, cli: Cli): void {
  command
    .option('--out <FILE>', 'write it to FILE instead')
    .action(async (options: { out?: string }, command: Command) => {
      const { client, output } = await cli.open(command);
      const pem = new TextDecoder().decode(await client.bytes('//ca.pem'));
      const fingerprint = fingerprintOf(pem, client.origin);
      if (options.out === undefined) {
        return output.answer({ pem, sha256: fingerprint }, () => pem.trimEnd());
      }
      const file = options.out;
      await saveText(file, pem);
      await output.answer({ file, sha256: fingerprint }, () => `${file}: SHA-256 ${fingerprint}`);
    });
}

function fingerprintOf(pem: string, origin: string): string {
  try {
    return new X509Certificate(pem).fingerprint256;
  } catch {
    throw new Failure(3, 'unexpected_answer', `${origin} answered /ca.pem with something that is no certificate`);
  }
}
