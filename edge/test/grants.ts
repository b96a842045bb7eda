// Grants as people get them, and what the audit log says last of a kind.

import { env } from 'cloudflare:workers';
import type { IssuedGrant } from '../../core/api.ts';
import type { AuditEntry } from '../../core/audit/audit.ts';
import { remote } from '../objects/rpc.ts';
import type { Caller } from './people.ts';

export const audit = remote(env.AUDIT_LOG);

export const newest = async (kind: string): Promise<AuditEntry | undefined> =>
  (await audit.list({ kind, limit: 1 })).entries[0];

/** For a resource whose rule asks nobody. */
export const grantFor = async (who: Caller, resource: string): Promise<IssuedGrant['grant']> =>
  (await (await who.send('POST', '/requests', { resource, reason: 'tests' })).json<IssuedGrant>()).grant;
