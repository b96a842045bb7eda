// Capability flags: what client and server say they can do; what both say holds.
// https://dev.mysql.com/doc/dev/mysql-server/latest/group__group__cs__capabilities__flags.html
// https://mariadb.com/kb/en/connection/#capabilities
//
// The client is told them before anybody knows its target, and packets are forwarded as they came. So what it agreed
// to is asked of the target as it is, and a target that lacks some of it is refused (`missingAt`).

/** By bit. MariaDB's servers leave LONG_PASSWORD out to say that they have further flags, which are not offered here. */
export const CAPABILITIES = {
  LONG_PASSWORD: 1 << 0,
  FOUND_ROWS: 1 << 1,
  LONG_FLAG: 1 << 2,
  CONNECT_WITH_DB: 1 << 3,
  NO_SCHEMA: 1 << 4,
  COMPRESS: 1 << 5,
  ODBC: 1 << 6,
  LOCAL_FILES: 1 << 7,
  IGNORE_SPACE: 1 << 8,
  PROTOCOL_41: 1 << 9,
  INTERACTIVE: 1 << 10,
  SSL: 1 << 11,
  IGNORE_SIGPIPE: 1 << 12,
  TRANSACTIONS: 1 << 13,
  SECURE_CONNECTION: 1 << 15,
  MULTI_STATEMENTS: 1 << 16,
  MULTI_RESULTS: 1 << 17,
  PS_MULTI_RESULTS: 1 << 18,
  PLUGIN_AUTH: 1 << 19,
  CONNECT_ATTRS: 1 << 20,
  PLUGIN_AUTH_LENENC_CLIENT_DATA: 1 << 21,
  SESSION_TRACK: 1 << 23,
  DEPRECATE_EOF: 1 << 24,
} as const;
type Capability = keyof typeof CAPABILITIES;

export const has = (flags: number, capability: Capability): boolean => (flags & CAPABILITIES[capability]) !== 0;
export const flagsOf = (...capabilities: readonly Capability[]): number =>
  capabilities.reduce((flags, capability) => flags | CAPABILITIES[capability], 0);

/**
 * What this side of the gateway offers. Not offered: COMPRESS and zstd (they would blind the recording), query attributes, multi-factor authentication, optional metadata, and all of MariaDB's own.
 */
export const OFFERED = flagsOf(
  'LONG_PASSWORD',
  'FOUND_ROWS',
  'LONG_FLAG',
  'CONNECT_WITH_DB',
  'NO_SCHEMA',
  'ODBC',
  'LOCAL_FILES',
  'IGNORE_SPACE',
  'PROTOCOL_41',
  'INTERACTIVE',
  'IGNORE_SIGPIPE',
  'TRANSACTIONS',
  'SECURE_CONNECTION',
  'MULTI_STATEMENTS',
  'MULTI_RESULTS',
  'PS_MULTI_RESULTS',
  'PLUGIN_AUTH',
  'CONNECT_ATTRS',
  'PLUGIN_AUTH_LENENC_CLIENT_DATA',
  'SESSION_TRACK',
  'DEPRECATE_EOF',
);

/** Each leg has its own: those that matter in the login packets alone, and LOCAL_FILES, which rules decide about. */
const OF_LEG = flagsOf(
  'LONG_PASSWORD',
  'CONNECT_WITH_DB',
  'LOCAL_FILES',
  'SSL',
  'SECURE_CONNECTION',
  'PLUGIN_AUTH',
  'CONNECT_ATTRS',
  'PLUGIN_AUTH_LENENC_CLIENT_DATA',
);

/** Of what a client agreed to: what the rest of its session hangs on. */
export const ofSession = (agreed: number): number => agreed & OFFERED & ~OF_LEG;

/** What a session needs and the target does not offer, by name. */
export const missingAt = (target: number, agreed: number): readonly string[] =>
  (Object.keys(CAPABILITIES) as Capability[])
    .filter((capability) => has(ofSession(agreed) & ~target, capability))
    .map((capability) => `CLIENT_${capability}`);
