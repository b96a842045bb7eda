// Cases that differ other than by masked values, each list with its reason. A case that is listed and does
// not differ any more fails the test as well: it is then to be taken off.

const BY_REASON: Readonly<Record<string, readonly string[]>> = {
  "other sessions' statements are data of theirs": [
    'select pid > 0 as has, state, datname, usename, query from pg_stat_activity where pid = pg_backend_pid()',
  ],
};

const TOOLS_BY_REASON: Readonly<Record<string, readonly string[]>> = {
  // Its findOrCreate makes a function and selects from it in one text: what that function reads is not known to anybody yet.
  'a function made in the same text is refused': ['sequelize'],
};

const byName = (reasons: Readonly<Record<string, readonly string[]>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(reasons).flatMap(([reason, names]) => names.map((name) => [name, reason])));

export const KNOWN_DIFFERENCES = byName(BY_REASON);

/** The same of tools. */
export const KNOWN_TOOL_DIFFERENCES = byName(TOOLS_BY_REASON);
