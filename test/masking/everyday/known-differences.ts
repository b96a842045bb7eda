// Cases that differ other than by masked values, each with its reason. A case that is listed and differs
// no longer fails the test, too: it is then to be taken off.

export const KNOWN_DIFFERENCES: Readonly<Record<string, string>> = {};

/** The same of tools. */
export const KNOWN_TOOL_DIFFERENCES: Readonly<Record<string, string>> = {};
