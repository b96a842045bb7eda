// The recorded copy of what is typed at a terminal. Whether the target echoes a key is known only when its output comes,
// and what is typed must be recorded before it goes on (law 1): so no letter of it is recorded as input. What was echoed
// stands in the output; what was not, such as a password, stands nowhere.

const STAR = 0x2a;
const SPACE = 0x20;
const DELETE = 0x7f;

/** As long as `data`: control characters (Enter, Ctrl-C, backspace) as they are, a star for each other byte. Undefined: there is no other. */
export function concealed(data: Buffer): Buffer | undefined {
  if (!data.some(isLetter)) return undefined;
  const copy = Buffer.from(data);
  for (let at = 0; at < copy.length; at++) if (isLetter(copy[at] ?? 0)) copy[at] = STAR;
  return copy;
}

const isLetter = (byte: number): boolean => byte >= SPACE && byte !== DELETE;
