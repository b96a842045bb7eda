// MySQL's settings in `connector.yaml`.

import { z } from 'zod';
import { settleDatabase, writtenDatabase } from '../../net/database-target.ts';

export const MYSQL_PORT = 3306;

/**
 * Told to clients before their target is known. Drivers ask for what such a server has: for MariaDB targets name one of
 * theirs (`11.4.0-MariaDB`).
 */
const USUAL_VERSION = '8.0.36-gatehouse';

export const MysqlListener = z.strictObject({
  clientAuth: z.enum(['caching_sha2', 'clear']).default('caching_sha2'),
  serverVersion: z
    .string()
    .regex(/^\d{1,2}\.\d{1,2}\.\d{1,3}[\w.+~-]{0,40}$/, 'expected a version such as 8.0.36 or 11.4.2-MariaDB')
    .default(USUAL_VERSION),
});

/** MySQL takes 32 characters of a user and 64 of a database, MariaDB 128 of a user. */
export const WrittenMysqlTarget = writtenDatabase({ port: MYSQL_PORT, maxName: 128 });

export const settleMysql = (resource: unknown, there: (path: string) => string) =>
  settleDatabase(WrittenMysqlTarget.strip().parse(resource), there);
