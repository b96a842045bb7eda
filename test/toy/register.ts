// For the tests' processes and the threads that they start: `node --import`.

import { registerHooks } from 'node:module';
import { withEcho } from './added.ts';

registerHooks({
  load(url, context, next) {
    const loaded = next(url, context);
    const changed = loaded.source && withEcho(url, loaded.source.toString());
    return changed ? { ...loaded, source: changed } : loaded;
  },
});
