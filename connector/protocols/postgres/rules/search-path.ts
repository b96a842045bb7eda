// `search_path` as a server reports it (from version 18 on), as the schemas that it names.

/** Paths kept, one array for each: decisions hang on its identity. */
const MAX_PATHS = 1000;

export class SearchPaths {
  readonly #kept = new Map<string, readonly string[] | undefined>();

  /** Undefined: not known. `user`: whom "$user" stands for; undefined: that is not known. */
  read(value: string | undefined, user: string | undefined): readonly string[] | undefined {
    if (value === undefined) return undefined;
    const key = `${user ?? ''}\0${value}`;
    if (this.#kept.has(key)) return this.#kept.get(key);
    const path = readPath(value, user);
    if (this.#kept.size >= MAX_PATHS) this.#kept.clear();
    this.#kept.set(key, path);
    return path;
  }
}

/** name, "quoted ""name""", ... as SplitIdentifierString takes them. */
function readPath(value: string, user: string | undefined): readonly string[] | undefined {
  const names: string[] = [];
  const part = /\s*(?:"((?:[^"]|"")*)"|([^\s,"]+))\s*(,|$)/y;
  if (value.trim() === '') return names;
  for (;;) {
    const match = part.exec(value);
    if (!match) return undefined;
    const name = match[1]?.replaceAll('""', '"') ?? match[2]?.toLowerCase() ?? '';
    if (name !== '$user') names.push(name);
    else if (user === undefined) return undefined;
    else names.push(user);
    if (match[3] === '') return names;
  }
}
