// Before each test file: nothing of the file before it is left in any Durable Object. All files share one
// workerd, whose modules are loaded once.

import { reset } from 'cloudflare:test';

await reset();
