// The file in the root of a directory that holds recordings, which says which store it is. Whoever
// writes there compares it with what was there before, so that nothing is stored under a name whose
// directory was moved away or unmounted.

import { z } from 'zod';

/** No object's key begins with a dot. */
export const STORE_IDENTITY_FILE = '.gatehouse-store';

export const StoreIdentity = z.object({ format: z.literal(1), store: z.uuid() });
export type StoreIdentity = z.infer<typeof StoreIdentity>;
