// How V8 counts memory outside of its heap, where buffers are. Of itself it collects the whole heap after every 32 MB or
// so of new buffers, which a session that moves bytes allocates in a tenth of a second: collecting then took a third of
// the connector's CPU. With this flag such memory counts towards the heap's own limit, as later versions of V8 do by
// themselves (docs/performance.md).

import { setFlagsFromString } from 'node:v8';

/** The one release line of Node in which the flag was found and measured. Another V8 would print that it knows none. */
const MAJOR = 24;

/** Before the first thread starts: each reads the flags as it begins. */
export function countBuffersAsHeap(): void {
  if (process.versions.node.startsWith(`${MAJOR}.`)) setFlagsFromString('--external-memory-accounted-in-global-limit');
}
