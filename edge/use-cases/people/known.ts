// Whether somebody was ever here. Ask before an entry of the audit log that would name them.

import type { UseCaseDeps } from '../deps.ts';

/** The audit log names whoever did or was anything here. */
export const isKnown = async (deps: Pick<UseCaseDeps, 'audit' | 'directory'>, email: string): Promise<boolean> =>
  (await deps.audit.knowsName(email)) || (await deps.directory.personByEmail(email)) !== undefined;
