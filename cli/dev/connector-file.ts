// The demo's connector.yaml, as somebody would write it for their own targets (docs/connector.md).

import { chmod, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { stringify } from 'yaml';
import { DEMO_DATABASE, DEMO_ROLE } from './postgres/demo-data.ts';
import { writePrivateFile } from './data/private-file.ts';

/** Returns the path of the file. `more`: resources beside the database; `listeners`: their settings, by protocol. */
export async function writeConnectorFile(
  dir: string,
  postgresPort: number,
  rolePassword: string,
  more: readonly Readonly<Record<string, unknown>>[],
  listeners: Readonly<Record<string, unknown>>,
): Promise<string> {
  const passwordFile = join(dir, 'postgres.password');
  await mkdir(dirname(passwordFile), { recursive: true });
  await writePrivateFile(passwordFile, rolePassword);
  const file = join(dir, 'connector.yaml');
  const document = {
    ...(Object.keys(listeners).length > 0 && { listeners }),
    resources: [
      {
        name: 'demo',
        protocol: 'postgres',
        description: "The demo shop's database",
        labels: { env: 'demo', team: 'shop' },
        host: '127.0.0.1',
        port: postgresPort,
        database: DEMO_DATABASE,
        user: DEMO_ROLE,
        password: { file: passwordFile },
        // Loopback. Elsewhere leave this out: certificates are verified.
        tls: { mode: 'off' },
      },
      ...more,
    ],
    // A laptop's disk is often fuller than a server's.
    limits: { diskFreeMegabytes: 100 },
  };
  await writePrivateFile(
    file,
    `# Made by npm start at each start. The fields: docs/connector.md.\n${stringify(document)}`,
  );
  await chmod(file, 0o600);
  return file;
}
