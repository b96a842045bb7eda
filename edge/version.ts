// Which build this is, as connectors and their logs name it.

/** Set by edge/build.ts. */
declare const GATEHOUSE_VERSION: string | undefined;

export const BUILD = `gatehouse ${typeof GATEHOUSE_VERSION === 'undefined' ? '(not bundled)' : GATEHOUSE_VERSION}`;
