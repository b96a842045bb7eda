// The demo's MariaDB as a resource of connector.yaml, and the password of its user, made on the first start.

import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writePrivateFile } from '../data/private-file.ts';

export const DEMO_DATABASE_OF_MYSQL = 'shop';
/** Whom the connector logs in as: owns the shop, and nothing else. */
export const DEMO_USER = 'gatehouse';

const passwordFile = (directory: string): string => join(directory, 'mysql.password');

/** `directory`: the data folder. */
export async function loadMysqlPassword(directory: string): Promise<string> {
  const stored = await readFile(passwordFile(directory), 'utf8').catch(() => '');
  if (stored !== '') return stored;
  const made = randomBytes(24).toString('base64url');
  await writePrivateFile(passwordFile(directory), made);
  return made;
}

export const mysqlResource = (directory: string, port: number) => ({
  name: 'demo-mysql',
  protocol: 'mysql',
  description: 'The demo shop in MariaDB',
  labels: { env: 'demo', team: 'shop' },
  host: '127.0.0.1',
  port,
  database: DEMO_DATABASE_OF_MYSQL,
  user: DEMO_USER,
  password: { file: passwordFile(directory) },
  // Loopback. Elsewhere leave this out: certificates are verified.
  tls: { mode: 'off' },
});
