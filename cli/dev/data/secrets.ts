// The secrets of one development environment: made once, kept in DIR/secrets.json (0600).

import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { Failure } from '../../failure.ts';
import { writePrivateFile } from './private-file.ts';

const DevSecrets = z.object({
  /** 32 bytes, base64. */
  edge: z.string(),
  oidcClient: z.string(),
  /** Shared by edge and connector with the functions. */
  functions: z.string(),
  joinToken: z.string(),
  postgresRole: z.string(),
  postgresAdmin: z.string(),
});
export type DevSecrets = z.infer<typeof DevSecrets>;

export async function loadSecrets(dir: string): Promise<DevSecrets> {
  const path = join(dir, 'secrets.json');
  const stored = await readFile(path, 'utf8').catch(() => undefined);
  if (stored !== undefined) {
    try {
      return DevSecrets.parse(JSON.parse(stored));
    } catch {
      throw new Failure(1, 'data_dir', `${path} is damaged: start with --fresh, or with another --data DIR`);
    }
  }
  const random = (): string => randomBytes(24).toString('base64url');
  const secrets: DevSecrets = {
    edge: randomBytes(32).toString('base64'),
    oidcClient: random(),
    functions: random(),
    joinToken: random(),
    postgresRole: random(),
    postgresAdmin: random(),
  };
  await writePrivateFile(path, JSON.stringify(secrets));
  return secrets;
}
