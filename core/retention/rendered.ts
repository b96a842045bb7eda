// Exports that are rendered once and kept for a while: where, and for how long.

/** Below which all of them stand, in the store of what is derived from recordings. */
export const RENDERED_PREFIX = 'rendered/';

/** Also where the deployment's shortest retention is longer: they can be made again. */
export const RENDERED_DAYS = 7;
