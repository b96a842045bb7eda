// What `user:`, `error:` and the others are compared with: whole values, in lower case.

import type { SearchDocument } from './document.ts';
import type { ValueField } from './query.ts';
import { namesOfTable } from './table-names.ts';

export function fieldValues({ session, body }: SearchDocument): Readonly<Record<ValueField, readonly string[]>> {
  const email = session.email.toLowerCase();
  const [name = email] = email.split('@');
  const optional = (value: string | undefined) => (value === undefined ? [] : [value.toLowerCase()]);
  return {
    user: name === email ? [email] : [email, name],
    resource: [session.resource.toLowerCase()],
    protocol: [session.protocol],
    session: [session.session],
    verdict: [body.verdict ?? 'allowed'],
    error: body.errors.map((error) => error.toLowerCase()),
    table: [...new Set(body.tables.flatMap(namesOfTable))],
    task: optional(session.task),
    trace: optional(session.trace),
  };
}
