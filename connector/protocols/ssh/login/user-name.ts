// What a client says in its user name: where it wants to go, as whom, and perhaps who it is.
//
//    LOGIN@RESOURCE            ssh deploy@web@gateway
//    LOGIN=RESOURCE            the same for ssh:// URLs and tools that split at the first @
//    RESOURCE                  as the login that the resource has
//    ...,EMAIL                 says whose grant it is, where the secret alone does not (= for @ as above)
//
// `%`, `:`, `+` and `#` mean something to clients (ssh://, scp, rsync), so none of them is used.

export interface Wanted {
  readonly login: string | undefined;
  readonly resource: string;
  readonly email: string | undefined;
}

const MAX_CHARACTERS = 600;
const FORM =
  /^(?:(?<login>[^,\s]{1,64})[@=])?(?<resource>[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)(?:,(?<email>[^,\s]{1,254}))?$/;

/** Undefined: it is in none of these forms. */
export function readUserName(user: string): Wanted | undefined {
  const groups = user.length > MAX_CHARACTERS ? undefined : FORM.exec(user)?.groups;
  if (!groups?.resource) return undefined;
  const { login, resource, email } = groups;
  return { login, resource, email: email?.includes('@') ? email : email?.replace('=', '@') };
}
