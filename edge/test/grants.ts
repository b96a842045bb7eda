// Grants as people get them, and what the audit log says last of a kind.

import { env } from 'cloudflare:workers';
import type { IssuedGrant } from '../../core/api.ts';
import type { AuditEntry } from '../../core/audit/audit.ts';
import { withNames } from '../../core/audit/names.ts';
import { remote } from '../objects/rpc.ts';
import type { AuditPort, AuditQuery } from '../ports/audit.ts';
import type { Caller } from './people.ts';

const log = remote(env.AUDIT_LOG);
/** As auditors read it: with names. */
export const audit: AuditPort = new Proxy(log, {
  get: (port, name: keyof AuditPort) =>
    name === 'list'
      ? async (query: AuditQuery) => {
          const page = await port.list(query);
          return { ...page, entries: page.entries.map((entry) => withNames(entry, page.names)) };
        }
      : port[name],
});

export const newest = async (kind: string): Promise<AuditEntry | undefined> =>
  (await audit.list({ kind, limit: 1 })).entries[0];

/** For a resource whose rule asks nobody. */
export const grantFor = async (who: Caller, resource: string): Promise<IssuedGrant['grant']> =>
  (await (await who.send('POST', '/requests', { resource, reason: 'tests' })).json<IssuedGrant>()).grant;
