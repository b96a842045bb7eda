// PostgreSQL's settings in `connector.yaml`.

import { z } from 'zod';
import { settleDatabase, writtenDatabase } from '../../net/database-target.ts';

export const DEFAULT_PORT = 5432;

export const ListenerSettings = z.strictObject({ clientAuth: z.enum(['scram', 'password']).optional() });

export const WrittenTarget = writtenDatabase({ port: DEFAULT_PORT, maxName: 63 });

export const settle = (resource: unknown, there: (path: string) => string) =>
  settleDatabase(WrittenTarget.strip().parse(resource), there);
