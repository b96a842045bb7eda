// What Lambda runs, begun anew: it reads its settings when it is imported, and test files share a process.

import { randomUUID } from 'node:crypto';

export const lambdaHandlers = (): Promise<typeof import('../../functions/handlers.ts')> =>
  import(`${new URL('../../functions/handlers.ts', import.meta.url).href}?${randomUUID()}`);
